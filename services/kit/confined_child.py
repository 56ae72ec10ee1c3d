"""The child of `confined`: limits itself, reads its task and the bytes, runs one function, writes what it gives."""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import signal
import sys
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

OUT_OF_MEMORY: Final = 77
_OPEN_FILES: Final = 32
_LOW: Final = 10
_GRACE: Final = 1  # second until the signal that nothing can ignore
_DIES_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG


class Task(msgspec.Struct, frozen=True):
    """What to run ("package.module:name"), and the limits in seconds and bytes."""

    function: str
    cpu: int
    memory: int


def main() -> NoReturn:
    """Exit codes: 0 for an answer, OUT_OF_MEMORY, 1 for a failure; or the signal of a limit."""
    _follow_parent()
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    confine(task)
    try:
        answer = _function(task.function)(sys.stdin.buffer.read())
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except BaseException:  # noqa: BLE001 - whatever it was, it is said by the code alone
        os._exit(1)
    os._exit(0)


def confine(task: Task) -> None:
    """Sets limits: time, memory, files, children. When time is over, SIGXCPU ends it.

    Nobody but root can raise them again; root can, and may start processes whatever is set.
    """
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    os.nice(_LOW)
    for limit, soft, hard in (
        (resource.RLIMIT_CPU, task.cpu, task.cpu + _GRACE),
        (resource.RLIMIT_AS, task.memory, task.memory),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES, _OPEN_FILES),
        (resource.RLIMIT_NPROC, 0, 0),
    ):
        resource.setrlimit(limit, (soft, hard))


def _follow_parent() -> None:
    """Asks the kernel to be killed when the process that started it ends; elsewhere than on Linux the pipes tell."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, int(signal.SIGKILL), 0, 0, 0)


def _function(name: str) -> Callable[[bytes], bytes]:
    module, _, function = name.partition(":")
    found: Callable[[bytes], bytes] = getattr(importlib.import_module(module), function)
    return found
