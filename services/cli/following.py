"""`openchair import status`: an import that is in force on the server, until it is done, and its report."""

from __future__ import annotations

import asyncio
import re
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import import_pb2, meeting_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb
from tqdm import tqdm

from services.cli.report import REFUSED, Report
from services.cli.server import PATIENCE, meetings
from services.cli.shell import EXIT_CODES, NO_SERVER, STOPPED, Failure
from services.kit.client import RpcError, explain

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator

    from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

    from services.kit.settings import Settings

POLL = 0.25  # seconds between two looks at an import that is going on

_NAME: Final = re.compile(r"centres/[A-Za-z0-9_-]{1,64}/imports/[A-Za-z0-9_-]{1,64}")
_STATUS: Final = """example:
  openchair import status centres/riverside-aa/imports/0197b2c4-5a3e-7c11-9f60-1b2c3d4e5f60

An import ends with a line that has this name. Its report is kept for 30 days.

"""


def add_to(formats: Any) -> None:
    """Adds the command."""
    status = formats.add_parser(
        "status",
        help="how far an import is, and its report",
        description="Waits until an import is done, and shows its report again.",
        epilog=_STATUS + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    status.add_argument(
        "name", metavar="NAME", type=import_name, help="centres/CENTRE/imports/ID, as the import said it"
    )
    status.add_argument("--json", action="store_true", help="the report as JSON on standard output")
    status.set_defaults(run=run)


def import_name(text: str) -> str:
    """An argument that is the name of an import. Raises ArgumentTypeError."""
    if not _NAME.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} is not the name of an import: centres/CENTRE/imports/ID")
    return text


def run(asked: argparse.Namespace, settings: Settings) -> int:
    """Follows it and reports."""
    report = asyncio.run(_follow(asked.name, settings))
    report.write(as_json=asked.json)
    return report.code


async def _follow(name: str, settings: Settings) -> Report:
    async with meetings(settings, {"name": "NAME"}) as stub:
        intent = await _import(stub, name)
        if intent.state == import_pb2.IMPORT_STATE_STAGING:
            raise Failure(f"nothing of {name} is in: it was begun and not put into force. Import the list again")
        lines = await outcome(stub, name)
        suspended = await _suspended(stub, name.rpartition("/imports/")[0], intent.source)
    closed = {line.number for line in lines if line.outcome != REFUSED and line.meeting in suspended} - {0}
    return Report(lines, closed, name, remove_gone=intent.remove_gone)


async def outcome(stub: MeetingServiceStub, name: str) -> list[import_pb2.ImportReportRow]:
    """The report of an import in force, once it is done. It goes on without us: stopping does not stop the import."""
    try:
        await _finished(stub, name)
        return [line async for line in report_lines(stub, name)]
    except asyncio.CancelledError:
        raise Failure(going_on(name), STOPPED) from None
    except RpcError as error:
        if not went_away(error):
            raise
        raise Failure(
            "the server went away. The import goes on by itself when it is back. To see its result then:\n"
            f"  openchair import status {name}",
            NO_SERVER,
        ) from None


async def _finished(stub: MeetingServiceStub, name: str) -> None:
    """Shows how far it is, until it is done."""
    with tqdm(desc="Importing", unit=" records", disable=None) as bar:
        while (intent := await _import(stub, name)).state != import_pb2.IMPORT_STATE_DONE:
            _show(bar, intent)
            await asyncio.sleep(POLL)
        _show(bar, intent)


def went_away(error: RpcError) -> bool:
    """Whether there was no answer, so that it is not known what the server did."""
    return explain(error).code in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}


def going_on(name: str) -> str:
    """What is said when the command is stopped and the import is not."""
    return (
        "stopped watching. The import goes on by itself on the server. To see its result:\n"
        f"  openchair import status {name}"
    )


def _show(bar: tqdm[Any], intent: import_pb2.Import) -> None:
    bar.total = intent.total
    bar.update(intent.done - bar.n)


async def _import(stub: MeetingServiceStub, name: str) -> import_pb2.Import:
    reply = await stub.GetImport(pb.GetImportRequest(name=name, page_size=1), timeout=PATIENCE)
    found: import_pb2.Import = getattr(reply, "import")
    return found


async def report_lines(stub: MeetingServiceStub, name: str) -> AsyncIterator[import_pb2.ImportReportRow]:
    """Every line of its report: what became of each record, or, before it is in force, what would."""
    token = ""
    while True:
        reply = await stub.GetImport(pb.GetImportRequest(name=name, page_token=token), timeout=PATIENCE)
        for line in reply.report:
            yield line
        token = reply.next_page_token
        if not token:
            return


async def _suspended(stub: MeetingServiceStub, centre: str, source: str) -> set[str]:
    """Names of the source's meetings that are closed for now."""
    found: set[str] = set()
    token = ""
    while True:
        request = pb.ListMeetingsRequest(parent=centre, page_size=500, page_token=token, source=source)
        page = await stub.ListMeetings(request, timeout=PATIENCE)
        found |= {each.name for each in page.meetings if each.state == meeting_pb2.MEETING_STATE_SUSPENDED}
        token = page.next_page_token
        if not token:
            return found
