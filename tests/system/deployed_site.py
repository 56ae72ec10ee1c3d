"""docker-compose.yml outside containers: each service a process with the command, environment and order it says.

Replaced is what containers would bring, and nothing else: host names and ports (loopback, free ones), paths of secrets
and volumes (the files and folders that the file names for that service), MongoDB (SQLite in the folder), and nginx's
own paths. A process has no other environment than the file states.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from services.kit.natsd import find_server
from tests.bench import front
from tests.bench.process import Answer, get
from tests.system.compose_file import compose, variables_of
from tests.system.running import ENDS_WITHIN, PATIENCE, ROOT, System, environment, free_ports, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OURS = ("meetings", "rsvps", "feeds", "web")
MONGODB = {"mongodb", "replica-set"}
"""What is not started: meetings and rsvps keep their documents in SQLite instead."""


class Listens(NamedTuple):
    """The ports of a service on loopback."""

    http: int
    grpc: int


class Deployed:
    """The site. `start` what the file has, in its order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: Listens(*free_ports(2)) for name in (*OURS, "nats", "front")}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        done = self._prepared()
        assert done.returncode == 0, done.stderr
        self.file = compose(variables_of((folder / "site/compose.env").read_text()))
        self._write_broker()

    def _prepared(self) -> subprocess.CompletedProcess[str]:
        """As `make up` does it."""
        return subprocess.run(
            [sys.executable, "-m", "scripts.deployment", str(self.folder / "site")],
            cwd=ROOT,
            env=environment({"OPENCHAIR_PUBLIC_URL": "https://chairs.example.org"}),
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self) -> None:
        """Everything, each when what it depends on is as far as the file wants it."""
        waiting = [name for name in self.file["services"] if name not in MONGODB]
        while waiting:
            name = next(one for one in waiting if not self._needs(one) & set(waiting))
            waiting.remove(name)
            self.launch(name)
            self.await_(name)

    def _needs(self, name: str) -> set[str]:
        return set(self.file["services"][name].get("depends_on", ())) - MONGODB

    def launch(self, name: str) -> None:
        """Starts one process and does not wait."""
        with (self.folder / f"{name}.log").open("ab") as output:
            self.running[name] = subprocess.Popen(
                self._command(name),
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], **self._environment(name)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def await_(self, name: str) -> None:
        """Until it has done its work, or is healthy by its own check."""
        if "healthcheck" in self.file["services"][name]:
            until(lambda: self._ended(name) or self.healthy(name), f"{name} is healthy", PATIENCE * 2, 0.2)
            assert not self._ended(name), self.said(name)
        else:
            assert self.running[name].wait(PATIENCE * 2) == 0, self.said(name)

    def healthy(self, name: str) -> bool:
        """What the service's own health check says."""
        command = [self._local(name, word) for word in self.file["services"][name]["healthcheck"]["test"][1:]]
        command[0] = sys.executable if command[0] == "python" else command[0]
        return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False).returncode == 0

    def _ended(self, name: str) -> bool:
        return self.running[name].poll() is not None

    def said(self, name: str) -> str:
        """Its output so far."""
        return (self.folder / f"{name}.log").read_text()

    def stop(self, name: str) -> int:
        """Ends one as Compose does; the exit code."""
        number = signal.Signals[self.file["services"][name].get("stop_signal", "SIGTERM")]
        self.running[name].send_signal(number)
        return self.running[name].wait(ENDS_WITHIN)

    def get(self, path: str, **headers: str) -> Answer:
        """One request over the front."""
        return get(self.ports["front"].http, path, {name.replace("_", "-"): one for name, one in headers.items()})

    @property
    def caller(self) -> System:
        """Who talks to the site over the front alone, as its operator does: `command`, `meetings`, `get`."""
        system = System(self.folder / "caller", {"OPENCHAIR_DATA": str(self.folder / "site")})
        system.http_port, system.grpc_port = self.ports["front"]
        system.keys = self.folder / "site/keys"
        system.environ["OPENCHAIR_TARGET"] = f"127.0.0.1:{system.grpc_port}"
        return system

    def clean(self) -> None:
        """Ends whatever still runs."""
        for process in self.running.values():
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _command(self, name: str) -> list[str]:
        service = self.file["services"][name]
        if name == "front":
            assert service["entrypoint"][0] == "nginx"
            return front.command(self.folder / "front", self._front())
        if name == "nats":
            return [str(find_server()), *(self._local(name, word) for word in service["command"][1:])]
        assert service["command"][0] == "python"
        return [sys.executable, *(self._local(name, word) for word in service["command"][1:])]

    def _front(self) -> front.Ports:
        own, at = self.ports["front"], self.ports
        return front.Ports(own.http, own.grpc, at["feeds"].http, at["web"].http, at["meetings"].grpc, at["rsvps"].grpc)

    def _environment(self, name: str) -> dict[str, str]:
        stated = self.file["services"][name].get("environment", {})
        found = {key: self._local(name, value) for key, value in stated.items()}
        if name in OURS:
            found["OPENCHAIR_HTTP_PORT"], found["OPENCHAIR_GRPC_PORT"] = map(str, self.ports[name])
        if found.pop("MONGODB_URL_FILE", ""):
            found["OPENCHAIR_DATA"] = str(self.folder / name)
        return found | (front.environment() if name == "front" else {})

    def _local(self, name: str, text: str) -> str:
        """A word of the file with what a container would bring replaced."""
        service: dict[str, Any] = self.file["services"][name]
        for secret in service.get("secrets", ()):
            text = text.replace(f"/run/secrets/{secret}", self._secret(secret))
        for volume in service.get("volumes", ()):
            source, target = volume.split(":")[:2]
            text = source if text == target else text
        for other in (*OURS, "nats"):
            text = text.replace(f"{other}:4222", f"127.0.0.1:{self.ports['nats'].grpc}")
            text = text.replace(f"{other}:8222", f"127.0.0.1:{self.ports['nats'].http}")
            text = text.replace(f"{other}:50051", f"127.0.0.1:{self.ports[other].grpc}")
        own = self.ports.get(name, Listens(0, 0)).http
        return text.replace("127.0.0.1:8080", f"127.0.0.1:{own}").replace("127.0.0.1:8222", f"127.0.0.1:{own}")

    def _secret(self, name: str) -> str:
        """Where the file of a secret is; nats-server's own has ports and a folder that are replaced in a copy."""
        path: str = self.file["secrets"][name]["file"]
        return str(self.folder / name) if name == "nats-server.conf" else path

    def _write_broker(self) -> None:
        """Once, before anything reads it."""
        text = (self.folder / "site/nats/nats-server.conf").read_text()
        for old, new in (
            ("0.0.0.0:4222", f"127.0.0.1:{self.ports['nats'].grpc}"),
            ("0.0.0.0:8222", f"127.0.0.1:{self.ports['nats'].http}"),
            ('"/data"', f'"{self.folder}/site/streams"'),
            ("./users.conf", self._secret("users.conf").removeprefix(f"{self.folder}/")),
        ):
            assert old in text
            text = text.replace(old, new)
        (self.folder / "nats-server.conf").write_text(text)


@contextmanager
def deployed(folder: Path) -> Iterator[Deployed]:
    """The site, up. Raises Missing where there is no nginx."""
    made = Deployed(folder)
    try:
        made.start()
        yield made
    finally:
        made.clean()
