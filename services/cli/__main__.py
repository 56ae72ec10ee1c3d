"""The `openchair` command. `openchair --help` lists what it does.

Exit codes: 0 done; 1 refused or failed; 2 not understood; 3 done, but some records were refused; 4 no server.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import TYPE_CHECKING

from services.cli import centre, importing, token
from services.cli.shell import Failure
from services.kit.settings import SettingsError, read

if TYPE_CHECKING:
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """All commands, each in its own module."""
    whole = argparse.ArgumentParser(prog="openchair", description="Schedules what recovery communities do together.")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    for module in (importing, centre, token):
        module.add_to(commands)
    run = commands.add_parser("run", help="start everything on this machine, as `make run` does")
    run.set_defaults(run=None)
    return whole


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    asked = parser().parse_args(arguments)
    if asked.run is None:
        os.execv(sys.executable, [sys.executable, "-m", "services.everything"])  # noqa: S606 - our own module
    try:
        code = asyncio.run(asked.run(asked, read(os.environ)))
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where it can still be said that it failed
        raise SystemExit(code)
    except SettingsError as error:
        print("openchair:", *error.problems, sep="\n  ", file=sys.stderr)
        raise SystemExit(2) from None
    except Failure as failure:
        print(f"openchair: {failure}", file=sys.stderr)
        raise SystemExit(failure.code) from None
    except BrokenPipeError:  # whoever reads our output has seen enough
        _discard_output()
        raise SystemExit(0) from None
    except OSError as error:
        print(f"openchair: {error}", file=sys.stderr)
        _discard_output()
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("openchair: stopped", file=sys.stderr)
        raise SystemExit(130) from None


def _discard_output() -> None:
    """What could not be written goes nowhere, so that the interpreter does not try again at its end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
