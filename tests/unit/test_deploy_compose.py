"""The rules that docker-compose.yml keeps: who a container is, what it may, what is declared, what is reached."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from services.kit.settings import FROM_FILES, keys
from services.kit.store import mongo
from tests.bench.tools import ROOT
from tests.system.compose_file import compose

VARIABLES = {
    "OPENCHAIR_PUBLIC_URL": "https://chairs.example.org",
    "SITE_FOLDER": "/srv/openchair",
    "SITE_USER": "10001:10001",
}
FILE = compose(VARIABLES)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
ONCE = {"replica-set", "provision"}
SCHEMA = ROOT / "tests/data/compose/compose_spec.json"
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
each_service = pytest.mark.parametrize("name", SERVICES)


def test_the_file_is_a_compose_file() -> None:
    jsonschema.Draft201909Validator(json.loads(SCHEMA.read_text())).validate(FILE)


def test_a_key_that_compose_does_not_know_is_found_by_the_schema() -> None:
    wrong = {"services": {"meetings": {**SERVICES["meetings"], "read_onyl": True}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft201909Validator(json.loads(SCHEMA.read_text())).validate(wrong)


@pytest.mark.parametrize("missing", VARIABLES)
def test_what_has_no_default_has_to_be_said(missing: str) -> None:
    with pytest.raises(KeyError, match=missing):
        compose({key: value for key, value in VARIABLES.items() if key != missing})


@each_service
def test_a_container_is_not_root_writes_only_where_it_is_told_and_gains_nothing(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == VARIABLES["SITE_USER"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices", "userns_mode"} & service.keys()
    assert not any("docker.sock" in volume for volume in service.get("volumes", ()))


@each_service
def test_a_container_has_limits_and_its_log_an_end(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\d+m", service["mem_limit"])
    assert 0 < service["cpus"] <= 2
    assert service["pids_limit"] <= 1024
    assert {"max-size", "max-file"} <= service["logging"]["options"].keys()


@each_service
def test_what_lives_says_whether_it_is_well_without_a_shell_and_is_started_again(name: str) -> None:
    service = SERVICES[name]
    if name in ONCE:
        assert service["restart"] == "no"
        assert "healthcheck" not in service
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] == "CMD"
        assert {"interval", "timeout", "retries", "start_period"} <= service["healthcheck"].keys()


@each_service
def test_a_service_has_more_time_to_stop_than_it_drains(name: str) -> None:
    if name not in ONCE:
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > 15


def test_nothing_but_the_front_has_ports_and_those_are_on_this_machine_alone() -> None:
    assert {name for name, service in SERVICES.items() if service.get("ports")} == {"front"}
    assert SERVICES["front"]["ports"] == ["127.0.0.1:8080:8080", "127.0.0.1:50051:50051"]


def test_nothing_but_the_front_is_in_a_network_that_leads_outside() -> None:
    assert FILE["networks"]["inside"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if service["networks"] != ["inside"]} == {"front"}


def test_what_is_declared_is_used_and_what_is_used_is_declared() -> None:
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", ())}
    assert used == FILE["secrets"].keys()
    assert {network for service in SERVICES.values() for network in service["networks"]} == FILE["networks"].keys()
    for service in SERVICES.values():
        assert service.get("depends_on", {}).keys() <= SERVICES.keys()
        for other, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other in ONCE else "service_healthy"
            assert how["condition"] == wanted


@each_service
def test_a_file_that_a_container_is_told_of_is_one_of_its_secrets(name: str) -> None:
    service = SERVICES[name]
    said = json.dumps([service.get("environment", {}), service.get("command", [])])
    told = set(re.findall(r"/run/secrets/([\w.-]+)", said))
    assert told <= set(service.get("secrets", ()))


@each_service
def test_settings_are_ours_and_no_secret_is_among_them(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    known = {*keys(), *(f"{key}_FILE" for key in FROM_FILES)}
    assert all(key in known for key in environment if name != "mongodb")
    assert (
        not {"MONGODB_URL", "OPENCHAIR_PAGE_SECRET", "OPENCHAIR_GUEST_SECRET", "OPENCHAIR_TOKEN"} & environment.keys()
    )
    assert all(isinstance(value, str) for value in environment.values())


def test_what_a_killed_service_had_begun_to_write_is_free_soon_and_no_commit_is_ended_before_its_time() -> None:
    stated = dict(text.split("=") for text in SERVICES["mongodb"]["command"] if "Seconds=" in text)
    assert mongo.PATIENCE < int(stated["transactionLifetimeLimitSeconds"]) <= 20


@each_service
def test_images_say_which_version(name: str) -> None:
    image = SERVICES[name]["image"]
    assert re.fullmatch(r"openchair:local|mongo:\d+\.\d+|nginx:\d+\.\d+", image)


def test_the_image_is_made_of_files_that_reach_the_build_and_of_packages_with_hashes() -> None:
    let_in = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied = [
        word for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]
    ]
    assert set(copied) == let_in
    assert all((ROOT / path).exists() for path in copied)
    for line in re.findall(r"^RUN (.*pip.*)$", DOCKERFILE, re.MULTILINE):
        assert "--require-hashes" in line or "--no-deps" in line


def test_the_image_runs_as_nobody_and_its_commands_need_no_shell() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (\d+):(\d+)$", last, re.MULTILINE) == [("10001", "10001")]
    for line in re.findall(r"^(?:RUN|CMD|ENTRYPOINT) (.*)$", DOCKERFILE, re.MULTILINE):
        assert json.loads(line)


def test_modules_and_scripts_that_containers_run_are_there() -> None:
    for service in SERVICES.values():
        match service.get("command", []):
            case ["python", "-m", module, *_]:
                path = ROOT / module.replace(".", "/")
                assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()
            case ["python", script, *_]:
                assert Path(ROOT / script).exists()
            case _:
                pass
