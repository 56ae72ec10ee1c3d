"""What a child is asked to do in the tests of `confined`."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path

import msgspec


def echo(data: bytes) -> bytes:
    return data


def burn(_: bytes) -> bytes:
    while True:
        pass


def grow(_: bytes) -> bytes:
    return b"a" * 2**31


def talk(_: bytes) -> bytes:
    return b"a" * 2**21


def dawdle(_: bytes) -> bytes:
    time.sleep(600)
    return b""


def fail(data: bytes) -> bytes:
    raise ValueError(data)


def crash(_: bytes) -> bytes:
    os.kill(os.getpid(), signal.SIGSEGV)
    return b""


def write(data: bytes) -> bytes:
    Path(data.decode()).write_bytes(b"here")
    return b""


def fork(_: bytes) -> bytes:
    if os.fork() == 0:
        os._exit(0)
    return b""


def raise_limits(_: bytes) -> bytes:
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return b""


def situation(_: bytes) -> bytes:
    """What it has and what it may."""
    found = {
        "environment": sorted(os.environ),
        "folder": str(Path.cwd()),
        "files": sorted(int(each.name) for each in Path("/proc/self/fd").iterdir())[:-1],  # the last is of the listing
        "nice": os.nice(0),
        "memory": resource.getrlimit(resource.RLIMIT_AS),
        "cpu": resource.getrlimit(resource.RLIMIT_CPU),
        "written": resource.getrlimit(resource.RLIMIT_FSIZE),
        "session": os.getsid(0) == os.getpid(),
        "arguments": len(sys.argv),
    }
    return msgspec.json.encode(found)
