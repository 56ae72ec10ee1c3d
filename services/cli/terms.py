"""What the server's refusals mean to whoever typed a command: in the words of its options, never of requests."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final

from services.cli.shell import NO_SERVER, REFUSED, USAGE, Failure
from services.cli.when import full

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.kit.client import Problem
    from services.kit.settings import Settings

_IMPORT_PARTS: Final = 4
_INDEX: Final = re.compile(r"\[\d+\]")
_PLURALS: Final = {"groups", "meetings", "places", "rooms", "closures"}
_SENTENCES: Final = {
    "IMPORT_RUNNING": "--source: another import of this source goes on. Wait until it is done, then try again",
    "IMPORT_EMPTY": "the list is empty: nothing is in",
    "NO_SUCH_CODE": "CODE: no code in force has this id. `openchair group list` shows which there are",
    "TOO_MANY_CODES": "--grace: five codes are in force already. Revoke one, or rotate without a time of grace",
}
_CODES: Final = {
    "DEADLINE_EXCEEDED": "the server took too long to answer. Try again in a minute",
    "RESOURCE_EXHAUSTED": "the server has too much to do, or this was too much at once. Try again in a minute",
    "UNIMPLEMENTED": "what answers there (OPENCHAIR_TARGET) does not do this. Where services run one by one, name the "
    "front that hands calls on to each of them",
    "ABORTED": "somebody else changed the same at this moment. Try again",
}


def failure(problem: Problem, options: Mapping[str, str], settings: Settings) -> Failure:
    """Why the command failed. `options` has the name of an option for each field of the requests it fills."""
    if problem.code == "UNAVAILABLE":
        return _unavailable(problem, settings)
    if problem.code in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
        return Failure(_unknown_caller(problem, settings))
    if problem.violations:
        return _wrong_options(problem, options)
    return Failure(_refusal(problem, options))


def _refusal(problem: Problem, options: Mapping[str, str]) -> str:
    """What a sound request was answered."""
    name = problem.details.get("name", "")
    if problem.code == "NOT_FOUND":
        return _absent(name, options)
    if problem.code == "ALREADY_EXISTS":
        centre = name.removeprefix("centres/")
        return f"there is a centre {centre!r} already. `openchair centre list` shows it; choose another id"
    told = {
        "SOURCE_SHRANK": _shrank,
        "IN_USE": _house_used if options.keys() & {"place.title", "room.title"} else _used,
        "CENTRE_IN_USE": lambda _: f"{problem.message}. A meeting that was deleted is shown as cancelled for 30 days",
        "ORPHANED_OCCURRENCES": _orphaned,
    }
    if problem.reason in told:
        return told[problem.reason](problem)
    if problem.code == "INTERNAL":
        return f"the server failed: {problem.message}. Its log says more"
    if problem.code == "RESOURCE_EXHAUSTED" and problem.reason:  # more than somebody may have, not a busy server
        return f"refused: {problem.message}"
    return _SENTENCES.get(problem.reason) or _CODES.get(problem.code) or problem.message


def _unavailable(problem: Problem, settings: Settings) -> Failure:
    if problem.reason:
        return Failure(f"the server cannot answer now ({problem.message}). Try again in a minute", NO_SERVER)
    return Failure(
        f"no server answers at {settings.target} (OPENCHAIR_TARGET). Is `make run` running, in another window?",
        NO_SERVER,
    )


def _unknown_caller(problem: Problem, settings: Settings) -> str:
    if problem.code == "PERMISSION_DENIED":
        return f"your token does not allow this: {problem.message}. Ask whoever runs the server for a role"
    if settings.token:
        return f"OPENCHAIR_TOKEN: {problem.message}. `openchair token --help` says how to make a new one"
    key = settings.data.absolute() / "keys"
    if problem.reason != "TOKEN_MISSING":
        return (
            f"the keys in {key} are not those of the server at {settings.target}: set OPENCHAIR_DATA to its data folder"
        )
    return (
        f"the server does not know you. There are no keys you can read in {key}: set OPENCHAIR_DATA to the server's\n"
        "data folder, or OPENCHAIR_TOKEN to a token from whoever runs it (`openchair token --help`)"
    )


def _wrong_options(problem: Problem, options: Mapping[str, str]) -> Failure:
    """An option that is wrong was not understood; a field that no option fills is the server's refusal."""
    named = [(option_of(wrong.field, options), wrong) for wrong in problem.violations]
    lines = dict.fromkeys(f"{option or wrong.field}: {wrong.reason}" for option, wrong in named)
    return Failure("\n".join(lines), USAGE if all(option for option, _ in named) else REFUSED)


def option_of(field: str, options: Mapping[str, str]) -> str:
    """The option that fills a field, or the nearest field around it that has one: of "a.b[2].c" that of "a.b"."""
    path = _INDEX.sub("", field)
    while path:
        if path in options:
            return options[path]
        path = path.rpartition(".")[0]
    return ""


def _absent(name: str, options: Mapping[str, str]) -> str:
    parts = name.split("/")
    if "occurrences" in parts:
        return f"it is not held on {_date(parts[-1])}"
    if "bookings" in parts:
        return f"there is no booking {parts[-1]!r} here. `openchair book list` shows which there are"
    if len(parts) == _IMPORT_PARTS and parts[2] in _PLURALS:
        return f"there is no {parts[2][:-1]} {parts[-1]!r} here"
    if len(parts) == _IMPORT_PARTS:
        return f"there is no import {name!r} here. Its report is kept for 30 days after it is done"
    centre = parts[-1]
    return (
        f"{options.get('parent', 'centre')}: there is no centre {centre!r} here."
        f" `openchair centre create {centre} --title ... --timezone ...` makes one,"
        " `openchair centre list` shows which there are"
    )


def _users(problem: Problem) -> list[str]:
    """What uses it, by name: as many as fit into an answer."""
    names = problem.details.get("used_by", "").removesuffix(" and more").split(", ")
    return [name for name in names if not name.endswith("\u2026")]


def _house_used(problem: Problem) -> str:
    """A place or a room that something names or takes: the first few of what does, and how to look at each."""
    commands = {"meetings": "meeting show", "rooms": "room delete", "closures": "close show", "bookings": "book show"}
    parts = [name.split("/") for name in _users(problem)]
    lines = [f"\n  openchair {commands[part[-2]]} {part[1]} {part[-1]}" for part in parts if part[-2] in commands]
    return f"it is used still. Look at these first:{''.join(lines)}"


def _used(problem: Problem) -> str:
    """A group that meetings name: the first few of them, and how to let each go."""
    names = _users(problem)
    parts = [name.split("/") for name in names if "/meetings/" in name]
    if not parts:
        return problem.message
    lines = [f"\n  openchair group close {centre} {meeting}" for _, centre, _, meeting in parts]
    return f"{problem.details.get('count')} meetings need it still. Let go of them first:{''.join(lines)}"


def _shrank(problem: Problem) -> str:
    gone, known = problem.details.get("gone", "?"), problem.details.get("known", "?")
    return (
        f"--remove-gone: {gone} of the {known} meetings known from this source are not in the list. So many at once\n"
        "are taken for a broken list, so nothing is in. Look at the list. Without --remove-gone they stay there"
    )


def _orphaned(problem: Problem) -> str:
    """Dates that were changed and would lose their day: which, and how to answer."""
    dates = problem.details.get("occurrences", "").split(", ")
    lines = "".join(f"\n  {_date(each)}" for each in dates)
    return (
        f"these dates were moved or changed, and the new days have no place for them:{lines}\n"
        "Say --keep-changed, and they are held as they were changed, or --drop-changed, and they are not held"
    )


def _date(key: str) -> str:
    """The date of "20261124" or "20261124-1", in full; another text as it is."""
    try:
        return full(datetime.strptime(key[:8], "%Y%m%d").date())  # noqa: DTZ007 - a local date
    except ValueError:
        return key
