"""The `openchair` command. `openchair --help` lists what it does and its exit codes."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import os
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

from services.cli.shell import EXIT_CODES, STOPPED, Command, Failure
from services.kit.settings import SettingsError, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.kit.settings import Settings

COMMANDS: Final = (
    "import",
    "centre",
    "place",
    "room",
    "book",
    "meeting",
    "close",
    "seats",
    "statistics",
    "slip",
    "group",
    "find",
    "export",
    "doctor",
    "backup",
    "restore",
    "republish",
    "dead",
    "streams",
    "token",
    "upgrade",
)
"""Each is a module of this name, read when it is asked for: reading all takes half of the time of a short command."""
_FORMATS: Final = ("lists", "import_ics", "following")

_EXAMPLES: Final = """a first list, while `make run` runs in another window:
  openchair centre create riverside-aa --title "Riverside AA" --timezone America/Edmonton
  openchair import meeting-guide meetings.json --centre riverside-aa --source aa-list \\
      --timezone America/Edmonton --fellowship AA --dry-run
  the same without --dry-run

a coordinator's work, with what it would do shown first:
  openchair meeting create riverside-aa --title "Tuesday Night" --mode in-person --on tuesday --at 19:00 --every week
  openchair close riverside-aa --today --because "Snow"

`openchair COMMAND --help` says more about each command, with examples.

settings (environment): OPENCHAIR_TARGET, the server (127.0.0.1:50051); OPENCHAIR_DATA, its data folder, whose keys are
used on the same computer (var); OPENCHAIR_TOKEN, a token instead of these keys. All are in .env.example.

"""


_RUN: Final = """Starts every service in one process, with databases in the data folder (OPENCHAIR_DATA), and says where
to look. The first Ctrl-C ends it in good order, the second at once. `openchair doctor` says why it does not start."""
_RUN_CODES: Final = """exit codes:
  0    stopped as asked
  1    could not start or go on: the last line says why
  2    a setting is wrong
"""


def parser(asked: str = "") -> argparse.ArgumentParser:
    """All commands, each in its own module; of one that is `asked` for by its name that one alone."""
    whole = argparse.ArgumentParser(
        prog="openchair",
        description="Schedules what recovery communities do together.",
        epilog=_EXAMPLES + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=_version())
    whole.set_defaults(help_of=whole, run=None)
    commands = whole.add_subparsers(metavar="COMMAND", parser_class=Command)
    for name in (asked,) if asked in COMMANDS else COMMANDS:
        if name == "import":
            _add_import(commands)
        else:
            _module(name).add_to(commands)
    everything = commands.add_parser(
        "run",
        help="start everything on this computer, as `make run` does",
        description=_RUN,
        epilog=_RUN_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    everything.set_defaults(run=run)
    return whole


def _module(name: str) -> Any:
    return importlib.import_module(f"services.cli.{name}")


def _version() -> str:
    try:
        return f"openchair {importlib.metadata.version('openchair')}"
    except importlib.metadata.PackageNotFoundError:
        return "openchair, from a folder where it is not installed"


def _add_import(commands: Any) -> None:
    parser = commands.add_parser(
        "import", help="bring in a list of meetings", description="Brings in a list of meetings that you already have."
    )
    parser.set_defaults(help_of=parser)
    formats = parser.add_subparsers(metavar="FORMAT or status")
    for name in _FORMATS:
        _module(name).add_to(formats)


def run(_: argparse.Namespace, __: Settings) -> NoReturn:
    """Becomes the server."""
    os.execv(sys.executable, [sys.executable, "-m", "services.everything"])  # noqa: S606 - our own module


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    asked = parser(given[0] if given else "").parse_args(given)
    try:
        code = _obey(asked)
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
        raise SystemExit(STOPPED) from None


def _obey(asked: argparse.Namespace) -> int:
    """What the command gives; without one, help."""
    if asked.run is None:
        asked.help_of.print_help()
        return 0
    code: int = asked.run(asked, os.environ if getattr(asked, "bare", False) else read(os.environ))
    return code


def _discard_output() -> None:
    """What could not be written goes nowhere, so that the interpreter does not try again at its end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
