"""What was asked, what was answered, and what the database took in: written down while a run goes on."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from google.protobuf import message_factory
from google.protobuf.json_format import ParseDict
from openchair.meetings.v1 import closure_service_pb2, meeting_pb2, meeting_service_pb2, room_service_pb2
from openchair.meetings.v1.closure_service_pb2_grpc import ClosureServiceStub
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub
from openchair.meetings.v1.room_service_pb2_grpc import RoomServiceStub
from openchair.rsvps.v1 import rsvp_service_pb2
from openchair.rsvps.v1.rsvp_service_pb2_grpc import RsvpServiceStub

from services.kit.channel import LocalChannel
from services.kit.client import RpcError, explain
from tests.sim.site import CALLER
from tests.system import edit_model as model
from tests.system.edit_driver import request_of

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from services.kit.channel import Metadata
    from services.kit.clock import Clock
    from services.kit.store.port import Answer, Commit

ACKNOWLEDGED, REFUSED, UNKNOWN = "acknowledged", "refused", "unknown"
GIVEN_UP = "given up"
"""Refused when it was tried again: an earlier try, whose outcome is unknown, may yet be written."""
LOST = "lost"
"""Acknowledged, and not in the backup that the database was restored from."""

_UNCERTAIN = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "UNKNOWN"}
_NOT_WRITTEN = {"CONTENTION", "STORE_UNAVAILABLE"}
_CLOSURES = closure_service_pb2.DESCRIPTOR.services_by_name["ClosureService"].methods_by_name
_ROOMS = room_service_pb2.DESCRIPTOR.services_by_name["RoomService"].methods_by_name
_MEETINGS = meeting_service_pb2.DESCRIPTOR.services_by_name["MeetingService"].methods_by_name
_SEATS = rsvp_service_pb2.DESCRIPTOR.services_by_name["RsvpService"].methods_by_name
_METHODS = {**_MEETINGS, **_CLOSURES, **_ROOMS, **_SEATS}


class Named(Protocol):
    """A process, as it is told of."""

    @property
    def name(self) -> str:
        """Which one."""


class Around(Protocol):
    """What a history needs of the site that it is about. `noted` hears each commit in the order of the database."""

    noted: Callable[[Any, Commit], None]

    @property
    def clock(self) -> Clock:
        """Everybody's clock."""

    @property
    def chance(self) -> random.Random:
        """What the seed decides by."""

    def token(self, caller: str = CALLER, role: str = "operator") -> str:
        """Somebody's token."""

    async def carry(self, path: str, request: bytes, metadata: Metadata, seconds: float | None) -> bytes:
        """The network: a call reaches one of the instances, or none."""


@dataclass
class Command:
    """One command of one caller. `effects`: how many commits of it the database took in. `then` hears of each.

    `method` and `fields` are what was sent. `nothing`: the answer was that there was nothing to be done about.
    """

    id: str
    edit: model.Edit | None
    then: Callable[[Answer], object] | None = None
    outcome: str = UNKNOWN
    reason: str = ""
    tries: int = 0
    effects: int = 0
    method: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    nothing: bool = False

    def __str__(self) -> str:
        what = self.edit or f"{self.method} {self.fields}"
        return f"{self.id} {self.outcome} {self.reason} after {self.tries} tries, {self.effects} effects: {what}"


@dataclass
class History:
    """All commands, and in `truth` the model after every commit so far. `wrong`: what must never happen and did."""

    site: Around
    commands: dict[str, Command] = field(default_factory=dict)
    truth: model.Model = field(default_factory=model.Model)
    names: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    done: list[tuple[Command, Answer, bool]] = field(default_factory=list)
    forgets: Callable[[], object] = lambda: None
    """Called when the database becomes an older one: all that `then` was told is told again, as far as it is kept."""

    def __post_init__(self) -> None:
        self.site.noted = self._note
        channel = cast("Any", LocalChannel(self.site))
        self.stub, self.closing, self.rooms = (
            MeetingServiceStub(channel),
            ClosureServiceStub(channel),
            RoomServiceStub(channel),
        )
        self.seats = RsvpServiceStub(channel)

    async def do(self, edit: model.Edit, tries: int, timeout: float) -> Command:  # noqa: ASYNC109 - the call's own
        """Sends the edit, again under its request id while its outcome is unknown."""
        method, fields = request_of(edit, self.names)
        return await self.send(method, fields, tries, timeout, edit)

    async def send(
        self,
        method: str,
        fields: dict[str, Any],
        tries: int,
        timeout: float,  # noqa: ASYNC109 - the call's own
        edit: model.Edit | None = None,
        then: Callable[[Answer], object] | None = None,
        by: tuple[str, str] | None = None,
    ) -> Command:
        """Sends any command; one that is no `edit` leaves the model alone. `then` hears when it took effect.

        `by` is who, and in which role, if not an operator.
        """
        command = Command(f"command-{len(self.commands)}", edit, then, method=method, fields=fields)
        self.commands[command.id] = command
        message = message_factory.GetMessageClass(_METHODS[method].input_type)
        request = ParseDict({**fields, "request_id": command.id}, message())
        while command.outcome == UNKNOWN and command.tries < tries:
            command.tries += 1
            await self._try(command, getattr(self._stub(method, by), method), request, timeout)
        return command

    async def ask(self, method: Any, request: Any) -> Any:
        """What a question is answered; None where it is not."""
        try:
            return await method(request, timeout=10.0)
        except RpcError as error:
            problem = explain(error)
            if problem.code == "INTERNAL":
                self.wrong.append(f"a question was answered INTERNAL: {request}")
            return None

    def _stub(self, method: str, by: tuple[str, str] | None) -> Any:
        if by is not None:
            return RoomServiceStub(cast("Any", LocalChannel(self.site, self.site.token(*by))))
        if method in _SEATS:
            return self.seats
        if method in _ROOMS:
            return self.rooms
        return self.closing if method in _CLOSURES else self.stub

    def set_back(self, kept: set[str]) -> None:
        """The database is an older one of itself: of all commands these alone were ever done, the first of them."""
        done, self.done, self.truth, self.names = self.done, [], model.Model(), []
        self.forgets()
        kept &= self.commands.keys()
        first = {command.id for command, _, _ in done[: len(kept)]}
        if first != kept:
            self.wrong.append(f"a backup has some later commands and not all earlier ones: {sorted(first ^ kept)}")
        for command, _, _ in done:
            command.effects = 0
            if command.outcome == ACKNOWLEDGED and command.id not in kept:
                command.outcome = LOST
        for command, answer, changed in done[: len(kept)]:
            self._took_effect(command, answer, changed=changed)

    async def _try(self, command: Command, method: Any, request: Any, timeout: float) -> None:  # noqa: ASYNC109 - the same
        try:
            reply = await method(request, timeout=timeout)
        except RpcError as error:
            problem = explain(error)
            command.reason = problem.reason or problem.code
            if problem.code == "INTERNAL":
                self.wrong.append(f"{command} was answered INTERNAL")
            if problem.code not in _UNCERTAIN or problem.reason in _NOT_WRITTEN:
                command.outcome = REFUSED if command.tries == 1 else GIVEN_UP
            await self.site.clock.sleep(command.tries * self.site.chance.random())
        else:
            command.outcome = ACKNOWLEDGED
            command.nothing = command.method == "Cancel" and not reply.state

    def _note(self, node: Named, change: Commit) -> None:
        mine = [line for line in change.audit if line.actor == CALLER and line.kind == "meeting"]
        if mine and len(change.answers) != 1:
            self.wrong.append(f"{node.name} committed {mine} without the one answer")
        for answer in change.answers:
            command = self.commands.get(answer.key.request_id)
            if command is not None:
                self._took_effect(command, answer, changed=bool(change.records))

    def _took_effect(self, command: Command, answer: Answer, *, changed: bool = True) -> None:
        """Not `changed`: it asked for what was so when it was decided; with no record in it nothing orders it."""
        command.effects += 1
        self.done.append((command, answer, changed))
        if changed and command.then is not None:
            command.then(answer)
        if command.edit is None or not changed:
            return
        count = len(self.truth.parts)
        try:
            self.truth.apply(command.edit)
        except model.No as no:
            self.wrong.append(f"{command} was done; the model says {no.reasons}")
        if len(self.truth.parts) > count:
            reply = meeting_pb2.Meeting.FromString(base64.b64decode(answer.reply))
            self.names.append(reply.name)
