"""A function of ours over bytes that nobody vouches for, in a child process with limits.

What is hostile in such bytes can take time and memory, and what parses them keeps tables for the life of a process.
So the work is done by a child that has little of both, is told nothing but its task, and is gone afterwards. Meanwhile
the event loop goes on. Bytes go in and bytes come out: nothing of the child is unpickled.

This holds parsers, not code: whoever makes the child run code of their own has the rights of its user (docs/adr/0024).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from services.kit.confined_child import OUT_OF_MEMORY, Task

if TYPE_CHECKING:
    from asyncio.subprocess import Process

_PROGRAM: Final = """
import sys
sys.path[:] = sys.argv[1].split(sys.argv[2])
from services.kit.confined_child import main
main()
"""
_CHUNK: Final = 2**16
_LIMITS_OF: Final = {OUT_OF_MEMORY: "memory", -signal.SIGXCPU: "cpu", -signal.SIGKILL: "cpu"}
"""What an exit code means. SIGKILL comes from the limit behind that of SIGXCPU, or from a kernel without memory."""


@dataclass(frozen=True)
class Limits:
    """What a child may take: seconds of the processor, bytes of address space, seconds in all, bytes of answer."""

    cpu: int = 5
    memory: int = 512 * 2**20
    wall: float = 15.0
    answer: int = 96 * 2**20


class Confined(Exception):  # noqa: N818 - the root of what can become of a child
    """The child gave no answer. The message is for whoever sent the bytes, and holds none of them."""


class Exceeded(Confined):
    """It went over a limit: "cpu", "memory", "wall" or "answer"."""

    def __init__(self, limit: str, limits: Limits) -> None:
        self.limit = limit
        super().__init__(f"it takes too much: more than {_said(limit, limits)}")


class Broken(Confined):
    """The function failed, or something ended the child. `code` is its exit code, negative for a signal."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__("it broke the program that reads it")


class Confinement:
    """Runs functions in children, a few at once: what waits takes nothing.

    A child yields to others (nice 10; at the lowest a busy machine would not let it do its work in its seconds). It has
    no environment, no open file but its two pipes, and may open none to write to. It ends with the process that
    started it.
    """

    def __init__(self, limits: Limits | None = None, at_once: int = 1) -> None:
        self.limits = limits or Limits()
        self._turns = asyncio.Semaphore(at_once)

    async def run(self, function: str, data: bytes) -> bytes:
        """What `function` ("package.module:name", of bytes to bytes) makes of the bytes. Raises Exceeded or Broken.

        When the caller is cancelled the child is killed.
        """
        async with self._turns:
            child = await self._started()
            try:
                return await self._answer(child, Task(function, self.limits.cpu, self.limits.memory), data)
            finally:
                await _ended(child)

    async def _started(self) -> Process:
        """A new interpreter that looks for modules where this one does. It limits itself before it reads the bytes."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-B", "-c", _PROGRAM, os.pathsep.join(filter(None, sys.path)), os.pathsep),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # a traceback may hold what came in
            env={},
            cwd="/",
            start_new_session=True,
        )

    async def _answer(self, child: Process, task: Task, data: bytes) -> bytes:
        try:
            async with asyncio.timeout(self.limits.wall):
                _, answer = await asyncio.gather(_tell(child, task, data), self._read(child))
                code = await child.wait()
        except TimeoutError:
            raise Exceeded("wall", self.limits) from None
        if code in _LIMITS_OF:
            raise Exceeded(_LIMITS_OF[code], self.limits)
        if code:
            raise Broken(code)
        return answer

    async def _read(self, child: Process) -> bytes:
        assert child.stdout is not None
        answer = bytearray()
        while chunk := await child.stdout.read(_CHUNK):
            answer += chunk
            if len(answer) > self.limits.answer:
                raise Exceeded("answer", self.limits)
        return bytes(answer)


async def _tell(child: Process, task: Task, data: bytes) -> None:
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its exit code says why it does not listen
        child.stdin.write(msgspec.json.encode(task) + b"\n")
        child.stdin.write(data)
        await child.stdin.drain()
        child.stdin.close()


async def _ended(child: Process) -> None:
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
    await asyncio.shield(_closed(child))


async def _closed(child: Process) -> None:
    """Its pipes are closed first: asyncio waits for them, for ever if nobody reads what it said beyond its limit."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.close()
    while await child.stdout.read(_CHUNK):
        pass
    await child.wait()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        await child.stdin.wait_closed()


def _said(limit: str, limits: Limits) -> str:
    return {
        "cpu": f"{limits.cpu} seconds of the processor",
        "memory": f"{limits.memory // 2**20} MiB of memory",
        "wall": f"{limits.wall:g} seconds",
        "answer": f"{limits.answer // 2**20} MiB of results",
    }[limit]
