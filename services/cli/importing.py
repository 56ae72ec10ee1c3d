"""What every `openchair import` does, whatever the format: rows are staged, put into force, and reported on."""

from __future__ import annotations

import asyncio
import re
import secrets
from argparse import ArgumentTypeError
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from openchair.meetings.v1 import import_pb2, meeting_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb
from tqdm import tqdm

from services.cli.following import going_on, outcome, report_lines, went_away
from services.cli.report import REFUSED, Report
from services.cli.server import PATIENCE, meetings
from services.cli.shell import NO_SERVER, STOPPED, Failure
from services.kit.client import RpcError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

    from services.kit.settings import Settings

ROWS_PER_CALL = 500
BYTES_PER_CALL = 3_000_000
LAST_WORD = 5.0  # seconds that forgetting what was staged may take, when the command is over anyway

_OPTIONS: Final = {"parent": "--centre", "import.source": "--source"}
_SOURCE: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,58}[a-z0-9])?")


def source(text: str) -> str:
    """An argument that is the name of a source. Raises ArgumentTypeError."""
    if not _SOURCE.fullmatch(text):
        raise ArgumentTypeError('must be 1 to 60 of a-z, 0-9, "-" and ".", such as edmonton-aa')
    return text


async def bring_in(asked: argparse.Namespace, rows: Sequence[import_pb2.ImportRow], settings: Settings) -> Report:
    """Stages the rows, puts them into force unless it is a dry run, and gives the report. Whatever the format."""
    async with meetings(settings, _OPTIONS) as stub:
        name, lines = await _staged(stub, asked, rows)
        if not asked.dry_run:
            await _commit(stub, name, remove_gone=asked.remove_gone)
            lines = await outcome(stub, name)
    refused = {line.number for line in lines if line.outcome == REFUSED}
    closed = {row.number for row in rows if row.meeting.state == meeting_pb2.MEETING_STATE_SUSPENDED} - refused
    return Report(lines, closed, name, dry_run=asked.dry_run, remove_gone=asked.remove_gone)


async def _staged(
    stub: MeetingServiceStub, asked: argparse.Namespace, rows: Sequence[import_pb2.ImportRow]
) -> tuple[str, list[import_pb2.ImportReportRow]]:
    """The name of the import, whose rows are there and not in force; of a dry run what would be, and then forgotten."""
    name = ""
    lines: list[import_pb2.ImportReportRow] = []
    try:
        name = await _create(stub, asked)
        await _send(stub, name, rows)
        if asked.dry_run:
            lines = [line async for line in report_lines(stub, name)]
            await _forget(stub, name)
    except asyncio.CancelledError:
        await _forget(stub, name)
        raise Failure("stopped: nothing is in", STOPPED) from None
    return name, lines


async def _create(stub: MeetingServiceStub, asked: argparse.Namespace) -> str:
    request = pb.CreateImportRequest(
        parent=f"centres/{asked.centre}",
        request_id=secrets.token_hex(16),
        **{"import": import_pb2.Import(source=asked.source)},
    )
    return (await stub.CreateImport(request, timeout=PATIENCE)).name


async def _send(stub: MeetingServiceStub, name: str, rows: Sequence[import_pb2.ImportRow]) -> None:
    with tqdm(total=len(rows), desc="Sending", unit=" records", disable=None) as bar:
        for batch in batches(rows):
            request = pb.AddImportRowsRequest(name=name, rows=batch, request_id=secrets.token_hex(16))
            await stub.AddImportRows(request, timeout=PATIENCE)
            bar.update(len(batch))


async def _commit(stub: MeetingServiceStub, name: str, *, remove_gone: bool) -> None:
    """Puts it into force. Once asked for, its answer is waited for: only then it can be said whether it is in."""
    request = pb.CommitImportRequest(name=name, remove_gone=remove_gone)

    async def ask() -> None:
        await stub.CommitImport(request, timeout=PATIENCE)

    asking = asyncio.ensure_future(ask())
    try:
        try:
            await asyncio.shield(asking)
        except asyncio.CancelledError:
            await asking
            raise Failure(going_on(name), STOPPED) from None
    except RpcError as error:
        if went_away(error):
            message = f"the server went away just then. What became of it:\n  openchair import status {name}"
            raise Failure(message, NO_SERVER) from None
        await _forget(stub, name)
        raise


async def _forget(stub: MeetingServiceStub, name: str) -> None:
    """Takes away what was staged; where that fails, it goes away by itself after 24 hours."""
    if name:
        with suppress(RpcError):
            await stub.DeleteImport(pb.DeleteImportRequest(name=name), timeout=LAST_WORD)


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
