"""`openchair import`: a list from elsewhere comes in, with a report of every record."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict
from openchair.meetings.v1 import import_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb
from tqdm import tqdm

from services.cli.shell import PARTLY, USAGE, Failure, meetings
from services.formats import meeting_guide
from services.kit.clock import SystemClock
from services.recurrence.types import RecurrenceError
from services.recurrence.zones import local_day

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Iterator, Sequence

    from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

    from services.kit.settings import Settings

ROWS_PER_CALL = 500
BYTES_PER_CALL = 3_000_000
POLL = 0.1  # seconds between two looks at an import that is going on

NEW, CHANGED, UNCHANGED, GONE, REFUSED = (
    import_pb2.ROW_OUTCOME_NEW,
    import_pb2.ROW_OUTCOME_CHANGED,
    import_pb2.ROW_OUTCOME_UNCHANGED,
    import_pb2.ROW_OUTCOME_GONE,
    import_pb2.ROW_OUTCOME_REFUSED,
)
WORDS = {NEW: "new", CHANGED: "changed", UNCHANGED: "unchanged", GONE: "gone", REFUSED: "refused"}


def add_to(commands: Any) -> None:
    """Adds the command, with one sub-command a format."""
    parser = commands.add_parser("import", help="bring in a list of meetings")
    formats = parser.add_subparsers(required=True, metavar="FORMAT")
    guide = formats.add_parser(
        "meeting-guide",
        help="Meeting Guide JSON",
        description="Brings in a Meeting Guide JSON file. Importing it again changes only what changed in it.",
        epilog="exit codes: 0 everything is in; 3 some records were refused (the report says why); 1 nothing is in",
    )
    guide.add_argument("file", type=Path, help="the file; - for standard input")
    guide.add_argument("--centre", required=True, help="id of the centre it belongs to")
    guide.add_argument("--source", required=True, help='a name for where it comes from, always the same: "edmonton-aa"')
    guide.add_argument("--timezone", required=True, help="IANA time zone of records that name none")
    guide.add_argument("--fellowship", required=True, help='"AA", "NA" ...: type codes mean something only with it')
    guide.add_argument("--language", default="", help="language tag of records that name none")
    guide.add_argument("--dry-run", action="store_true", help="show what would happen; change nothing")
    guide.add_argument("--remove-gone", action="store_true", help="remove meetings that are no longer in the file")
    guide.add_argument("--json", action="store_true", help="the report as JSON on standard output")
    guide.set_defaults(run=run)


async def run(asked: argparse.Namespace, settings: Settings) -> int:
    """Reads, stages, shows or commits, and reports."""
    rows = _read(asked)
    async with meetings(settings) as stub:
        intent = await stub.CreateImport(
            pb.CreateImportRequest(
                parent=f"centres/{asked.centre}",
                request_id=secrets.token_hex(16),
                **{"import": import_pb2.Import(source=asked.source)},
            )
        )
        await _stage(stub, intent.name, rows)
        if asked.dry_run:
            report = [line async for line in _report(stub, intent.name)]
            await stub.DeleteImport(pb.DeleteImportRequest(name=intent.name))
        else:
            await stub.CommitImport(pb.CommitImportRequest(name=intent.name, remove_gone=asked.remove_gone))
            await _follow(stub, intent.name)
            report = [line async for line in _report(stub, intent.name)]
    _print(report, asked)
    return PARTLY if any(line.outcome == REFUSED for line in report) else 0


def _read(asked: argparse.Namespace) -> Sequence[import_pb2.ImportRow]:
    try:
        data = _standard_input() if str(asked.file) == "-" else asked.file.read_bytes()
        today = local_day(SystemClock().now(), asked.timezone)
        return meeting_guide.read(
            data, fellowship=asked.fellowship, timezone=asked.timezone, today=today, language=asked.language
        ).rows
    except OSError as error:
        raise Failure(f"{asked.file}: {error.strerror}") from None
    except RecurrenceError as error:
        raise Failure(f"--timezone: {error.reason}", USAGE) from None
    except meeting_guide.Unreadable as error:
        raise Failure(f"{asked.file}: {error}") from None


def _standard_input() -> bytes:
    if sys.stdin is None:  # closed by whoever started the command
        raise Failure("standard input is closed")
    return sys.stdin.buffer.read()


async def _stage(stub: MeetingServiceStub, name: str, rows: Sequence[import_pb2.ImportRow]) -> None:
    with tqdm(total=len(rows), desc="Sending", unit=" records", disable=None) as bar:
        for batch in batches(rows):
            request = pb.AddImportRowsRequest(name=name, rows=batch, request_id=secrets.token_hex(16))
            await stub.AddImportRows(request, timeout=60)
            bar.update(len(batch))


def batches(rows: Sequence[import_pb2.ImportRow]) -> Iterator[list[import_pb2.ImportRow]]:
    """The rows in calls that the service takes: by number and by size."""
    batch: list[import_pb2.ImportRow] = []
    size = 0
    for row in rows:
        length = row.ByteSize()
        if batch and (len(batch) == ROWS_PER_CALL or size + length > BYTES_PER_CALL):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += length
    if batch:
        yield batch


async def _follow(stub: MeetingServiceStub, name: str) -> None:
    """Shows how far it is. It goes on without us: stopping this command does not stop the import."""
    with tqdm(desc="Importing", unit=" records", disable=None) as bar:
        while True:
            reply = await stub.GetImport(pb.GetImportRequest(name=name, page_size=1))
            intent = getattr(reply, "import")
            bar.total = intent.total
            bar.update(intent.done - bar.n)
            if intent.state == import_pb2.IMPORT_STATE_DONE:
                return
            await asyncio.sleep(POLL)


async def _report(stub: MeetingServiceStub, name: str) -> AsyncIterator[import_pb2.ImportReportRow]:
    token = ""
    while True:
        reply = await stub.GetImport(pb.GetImportRequest(name=name, page_token=token), timeout=60)
        for line in reply.report:
            yield line
        token = reply.next_page_token
        if not token:
            return


def _print(report: Sequence[import_pb2.ImportReportRow], asked: argparse.Namespace) -> None:
    counts = Counter(WORDS[line.outcome] for line in report)
    if asked.json:
        rows = [MessageToDict(line, preserving_proto_field_name=True) for line in report]
        print(json.dumps({"dry_run": asked.dry_run, "counts": counts, "records": rows}, ensure_ascii=False, indent=1))
        return
    for line in report:
        if line.outcome != UNCHANGED:
            _print_line(line)
    said = ", ".join(f"{counts[word]} {word}" for word in WORDS.values() if counts[word] or word != "gone")
    head = "Would be" if asked.dry_run else "Imported"
    print(f"{head}: {said}.")
    if counts["gone"] and not asked.remove_gone:
        print("What is gone from the file stays in the calendar: --remove-gone removes it.")


def _print_line(line: import_pb2.ImportReportRow) -> None:
    where = f"record {line.number}" if line.number else "-"
    print(f"{WORDS[line.outcome]:<9} {where:<11} {line.source_id}  {line.title}")
    for reason in line.reasons:
        print(f"          {'' if line.outcome == REFUSED else 'changed: '}{reason}")
    for warning in line.warnings:
        print(f"          note: {warning}")
