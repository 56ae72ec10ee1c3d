"""`openchair centre edit`: whom to call, whose public holidays count, kinds of meetings of its own."""

from __future__ import annotations

import secrets
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import centre_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.cli import asking
from services.cli.acting import action
from services.cli.asking import deleted, edited, say, until_current
from services.cli.reading import put
from services.cli.server import PATIENCE
from services.cli.shell import USAGE, Failure

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from services.cli.server import Site

_TEXTS: Final = {
    "title": ("--title", "as people call it"),
    "phone": ("--phone", 'whom to call about its meetings, as dialled: "+1 780 555 0100"; public'),
    "crisis_line": ("--crisis-line", 'whom to call in need, as it should be read: "988 (call or text)"'),
    "holiday_calendar": ("--holiday-calendar", "whose public holidays count: DE, DE-BE, CA-AB"),
    "time_zone": ("--timezone", "IANA time zone: America/Edmonton"),
    "language": ("--language", "language tag: en"),
    "website": ("--website", "https page of the centre"),
    "description": ("--description", "what kind of place it is"),
}
OPTIONS: Final[Mapping[str, str]] = {
    **{f"centre.{path}": option for path, (option, _) in _TEXTS.items()},
    "centre.kinds": "--kind",
    "centre.name": "CENTRE",
}
_EXAMPLES: Final = """examples:
  openchair centre edit riverside --phone "+1 780 555 0100" --crisis-line "988 (call or text)"
  openchair centre edit riverside --holiday-calendar CA-AB
  openchair centre edit riverside --kind "sound-bath: Sound bath"      one more kind of meeting
  openchair centre edit riverside --website ""                         unset it

"""

_DELETE: Final = """example:
  openchair centre delete trial

It has to be empty: no meetings (deleted ones are shown as cancelled for 30 days), places, rooms, groups. Its closures
go with it.

"""


def add_to(actions: Any) -> None:
    """Adds the actions."""
    edit = action(actions, "edit", "change what a centre says of itself", _edit, _EXAMPLES, OPTIONS)
    for path, (option, text) in _TEXTS.items():
        edit.add_argument(option, dest=path, metavar="TEXT", help=text)
    edit.add_argument("--kind", metavar="ID: TITLE", type=_kind, action="append", help="a kind of its own, one more")
    edit.add_argument("--no-kinds", action="store_true", help="none of its own; with --kind: only these")
    asking.add_to(edit)
    delete = action(actions, "delete", "a centre that has nothing left", _delete, _DELETE, OPTIONS)
    asking.add_to(delete)


def _kind(text: str) -> centre_pb2.Kind:
    id_, colon, title = text.partition(":")
    if not (colon and id_.strip() and title.strip()):
        raise ArgumentTypeError('must be an id and a title: "sound-bath: Sound bath"')
    return centre_pb2.Kind(id=id_.strip(), title=title.strip())


def _fill(asked: argparse.Namespace, centre: centre_pb2.Centre) -> list[str]:
    """Puts what was said into the message, and names the paths."""
    paths = []
    for path in _TEXTS:
        if getattr(asked, path) is not None:
            setattr(centre, path, getattr(asked, path))
            paths.append(path)
    if asked.kind or asked.no_kinds:
        known = {} if asked.no_kinds else {each.id: each for each in centre.kinds}
        known |= {each.id: each for each in asked.kind or ()}
        put(centre.kinds, known.values())
        paths.append("kinds")
    return paths


def _facts(centre: centre_pb2.Centre) -> dict[str, str]:
    told = {option.removeprefix("--"): str(getattr(centre, path)) for path, (option, _) in _TEXTS.items()}
    return told | {"kinds": ", ".join(f"{each.id}: {each.title}" for each in centre.kinds)}


async def _edit(stubs: Site, asked: argparse.Namespace) -> None:
    async def attempt() -> None:
        name = f"centres/{asked.centre}"
        before = await stubs.meetings.GetCentre(pb.GetCentreRequest(name=name), timeout=PATIENCE)
        request = pb.UpdateCentreRequest(centre=before, request_id=secrets.token_hex(16))
        paths = _fill(asked, request.centre)
        if not paths:
            raise Failure("say what is to be changed: `openchair centre edit --help` lists it", USAGE)
        request.update_mask.paths.extend(paths)
        say(asked, f"{before.title}:")

        async def update() -> centre_pb2.Centre:
            return await stubs.meetings.UpdateCentre(request, timeout=PATIENCE)

        await edited(asked, "centre", before, request.centre, _facts, update)

    await until_current(asked, attempt)


async def _delete(stubs: Site, asked: argparse.Namespace) -> None:
    async def attempt() -> None:
        request = pb.GetCentreRequest(name=f"centres/{asked.centre}")
        centre = await stubs.meetings.GetCentre(request, timeout=PATIENCE)
        gone = pb.DeleteCentreRequest(name=centre.name, etag=centre.etag, request_id=secrets.token_hex(16))

        async def delete() -> None:
            await stubs.meetings.DeleteCentre(gone, timeout=PATIENCE)

        await deleted(asked, f'The centre "{centre.title}" ({asked.centre})', centre, delete)

    await until_current(asked, attempt)
