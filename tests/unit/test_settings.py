from __future__ import annotations

import base64
import re
import subprocess
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from services.kit.settings import Settings, SettingsError, is_loopback, keys, read

EXAMPLE = Path(__file__).parents[2] / ".env.example"
GUESTS = "1 c2V2ZW4gb3dscyBhbmQgYSBoZXJvbiBhdCBkdXNrISE="
RANDOM = "kS8v3Qz0TnYw5LrB1mXc7Hd2Jf9Gp4Ua"


def the_example() -> dict[str, str]:
    """What it says of our settings; those of libraries (OTEL_*) are theirs to read."""
    lines = re.findall(r"^(?:# )?([A-Z][A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)
    assert len(dict(lines)) == len(lines)
    return {key: value for key, value in lines if not key.startswith("OTEL_")}


def problems(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        read(environ)
    return refused.value.problems


def test_the_example_lists_every_variable_of_the_model_and_no_other() -> None:
    assert sorted(the_example()) == sorted(keys())


def test_the_example_as_it_stands_is_the_defaults() -> None:
    active = dict(re.findall(r"^([A-Z][A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
    assert read(active) == Settings()
    with_default = {field.metadata["key"] for field in fields(Settings) if field.default not in {None, ()}}
    assert set(active) == with_default


def test_the_example_with_everything_uncommented_is_read_in_by_a_shell_as_it_says(tmp_path: Path) -> None:
    copy = tmp_path / ".env"
    copy.write_text(re.sub(r"^# ([A-Z][A-Z_]+=)", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE))
    said = subprocess.run(
        ["sh", "-c", "set -a; . ./.env; env"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    found = dict(line.split("=", 1) for line in said.stdout.splitlines() if "=" in line)
    assert {key: found.get(key) for key in the_example()} == the_example()


def test_the_example_with_everything_uncommented_is_accepted() -> None:
    assert read(the_example()).public_url == "https://chairs.example.org"


def test_the_example_holds_no_secret() -> None:
    secret = {field.metadata["key"] for field in fields(Settings) if not field.repr}
    for key, value in the_example().items():
        if key in secret:
            assert "@" not in value
            assert not value or "://" in value


def test_nothing_set_is_enough_and_an_empty_value_is_unset() -> None:
    assert read({}) == Settings() == read({"MONGODB_URL": "", "OPENCHAIR_HTTP_PORT": " "})
    assert read({"HOME": "/root", "PATH": "/bin"}) == Settings()


def test_settings_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        read({}).http_port = 1  # type: ignore[misc]  # what is tested


def test_an_unknown_key_is_refused_with_what_was_meant() -> None:
    assert problems(OPENCHAIR_HTP_PORT="1") == [
        "OPENCHAIR_HTP_PORT is not a setting: did you mean OPENCHAIR_HTTP_PORT?"
    ]
    assert problems(OPENCHAIR_ZZZZZZZZZZZZ="1") == ["OPENCHAIR_ZZZZZZZZZZZZ is not a setting"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("OPENCHAIR_HTTP_PORT", "80a"),
        ("OPENCHAIR_HTTP_PORT", "65536"),
        ("OPENCHAIR_GRPC_PORT", "-1"),
        ("OPENCHAIR_HOST", "127.0.0.1/x"),
        ("OPENCHAIR_BEHIND_TLS_PROXY", "perhaps"),
        ("OPENCHAIR_SITE", "My Site"),
        ("OPENCHAIR_SITE", "a.b"),
        ("OPENCHAIR_SITE", "a" * 33),
        ("OPENCHAIR_ENV", "staging"),
        ("OPENCHAIR_LOG_LEVEL", "loud"),
        ("OPENCHAIR_PUBLIC_URL", "http://chairs.example.org"),
        ("OPENCHAIR_PUBLIC_URL", "https://u:p@chairs.example.org"),
        ("OPENCHAIR_PUBLIC_URL", "https://chairs.example.org/path"),
        ("OPENCHAIR_PUBLIC_URL", "javascript:alert(1)"),
        ("MONGODB_URL", "http://db"),
        ("MONGODB_URL", "mongodb://app:changeme@db/"),
        ("NATS_URL", "4222"),
        ("NATS_URL", "nats://a:1,nats://svc:password@b:2"),
        ("NATS_MONITOR_URLS", "http://a:8222,ftp://b"),
        ("NATS_MONITOR_URLS", "http://ops:Xw9Qm2Rt@a:8222"),
        ("OPENCHAIR_MONGODB_DATABASE", "a/b"),
        ("OPENCHAIR_MONGODB_DATABASE", "d" * 64),
        ("OPENCHAIR_NATS_REPLICAS", "2"),
        ("OPENCHAIR_GUEST_SECRET", "one-version-and-no-secret"),
        ("OPENCHAIR_GUEST_SECRET", "1 c2hvcnQ="),
        ("OPENCHAIR_GUEST_SECRET", f"1 {'A' * 43}="),
        ("OPENCHAIR_GUEST_SECRET", f"{GUESTS}!"),
        ("OPENCHAIR_GUEST_SECRET", f"{GUESTS}, {GUESTS}"),
        ("OPENCHAIR_PAGE_SECRET", "short"),
        ("OPENCHAIR_PAGE_SECRET", "x" * 40),
        ("OPENCHAIR_PAGE_SECRET", "abababababababababababababababababab"),
    ],
)
def test_a_bad_value_is_refused_naming_the_key_and_not_the_value(key: str, value: str) -> None:
    (problem,) = problems(**{key: value})
    assert problem.startswith(f"{key} ")
    assert value not in problem


@pytest.mark.parametrize(
    "secret", ["changeme", "CHANGE_ME", "secret", "your-secret", "my_secret_key", "<secret>", "password1"]
)
def test_a_placeholder_is_no_secret(secret: str) -> None:
    assert "placeholder" in problems(OPENCHAIR_PAGE_SECRET=secret)[0]


def test_what_seats_are_kept_under_has_versions_the_newest_last() -> None:
    text = f"{GUESTS}\n2 {base64.b64encode(bytes(range(32))).decode()}"
    for stated in (text, text.replace("\n", ", ")):
        assert [version for version, _ in read({"OPENCHAIR_GUEST_SECRET": stated}).guest_secret or ()] == ["1", "2"]
    for placeholder in ("1 changeme", "1 <secret>", GUESTS + ",2 my-secret"):
        assert "placeholder" in problems(OPENCHAIR_GUEST_SECRET=placeholder)[0]


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = problems(OPENCHAIR_X="1", OPENCHAIR_HTTP_PORT="x", OPENCHAIR_HOST="0.0.0.0")  # noqa: S104 - refused
    assert [problem.split()[0] for problem in found] == ["OPENCHAIR_X", "OPENCHAIR_HTTP_PORT", "OPENCHAIR_HOST"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "chairs.example.org"])  # noqa: S104 - refused
def test_plain_text_off_this_machine_needs_a_proxy_that_was_stated(host: str) -> None:
    assert problems(OPENCHAIR_HOST=host)[0].startswith("OPENCHAIR_HOST would listen in plain text")
    assert read({"OPENCHAIR_HOST": host, "OPENCHAIR_BEHIND_TLS_PROXY": "true"}).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_this_machine_needs_none(host: str) -> None:
    assert is_loopback(read({"OPENCHAIR_HOST": host}).host)


def test_two_listeners_need_two_ports() -> None:
    assert problems(OPENCHAIR_GRPC_PORT="8080")[0].startswith("OPENCHAIR_GRPC_PORT")
    assert read({"OPENCHAIR_GRPC_PORT": "0", "OPENCHAIR_HTTP_PORT": "0"}).grpc_port == 0


def test_secrets_have_no_default_and_are_not_shown() -> None:
    secret = [field for field in fields(Settings) if not field.repr]
    assert {field.default for field in secret} <= {None, ()}
    environ = {
        "OPENCHAIR_PAGE_SECRET": RANDOM,
        "MONGODB_URL": "mongodb://app:Zq81Lw@db1,db2/?replicaSet=rs0",
        "NATS_URL": "nats://svc:Zq81Lw@bus",
        "OPENCHAIR_TOKEN": "Zq81Lw",
    }
    settings = read(environ)
    assert settings.page_secret == RANDOM
    assert RANDOM not in repr(settings)
    assert "Zq81Lw" not in repr(settings)


@pytest.mark.parametrize(
    ("key", "value", "name", "read_as"),
    [
        ("OPENCHAIR_PUBLIC_URL", "https://chairs.example.org/", "public_url", "https://chairs.example.org"),
        ("OPENCHAIR_PUBLIC_URL", "http://localhost:8080", "public_url", "http://localhost:8080"),
        ("OPENCHAIR_ENV", "Production", "env", "production"),
        ("OPENCHAIR_DATA", "/srv/data", "data", Path("/srv/data")),
        ("NATS_MONITOR_URLS", "http://a:1/, http://b:2", "nats_monitor_urls", ("http://a:1", "http://b:2")),
        ("OPENCHAIR_NATS_SYNC_TRUSTED", "TRUE", "nats_sync_trusted", True),
    ],
)
def test_values_are_typed(key: str, value: str, name: str, read_as: Any) -> None:
    assert getattr(read({key: value}), name) == read_as


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{RANDOM}\n")
    assert read({"OPENCHAIR_PAGE_SECRET_FILE": str(path)}).page_secret == RANDOM
    path.write_text("mongodb://reader:k3y-of-9-owls@mongodb:27017/?replicaSet=rs0\n")
    assert read({"MONGODB_URL_FILE": str(path)}).mongodb_url == path.read_text().strip()


def test_a_file_of_a_secret_is_refused_naming_the_key_and_never_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("changeme")
    for environ, says in (
        ({"OPENCHAIR_PAGE_SECRET_FILE": str(path)}, "OPENCHAIR_PAGE_SECRET is a placeholder"),
        ({"OPENCHAIR_PAGE_SECRET_FILE": str(tmp_path / "none")}, "cannot be read from the file of"),
        ({"OPENCHAIR_PAGE_SECRET_FILE": str(path), "OPENCHAIR_PAGE_SECRET": RANDOM}, "is stated twice"),
        ({"OPENCHAIR_SITE_FILE": str(path)}, "OPENCHAIR_SITE_FILE is not a setting"),
    ):
        (problem,) = problems(**environ)
        assert says in problem
        assert "changeme" not in problem
        assert RANDOM not in problem
