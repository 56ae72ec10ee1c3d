"""What an operator asks of a running process: how it is, publish again, dead letters, backups."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from openchair.admin.v1 import admin_service_pb2 as pb

from services.kit.backups import Backups, Making, Source, program
from services.kit.bus_port import BusError
from services.kit.dead import DeadLetters
from services.kit.errors import Invalid, NotFound, Unavailable, Unmet, Violation
from services.kit.paging import Pages, page_key, page_size
from services.kit.sealed import KEY
from services.kit.service import Service
from services.kit.store.port import Unwritten
from services.kit.validation import Validation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from structlog.typing import FilteringBoundLogger

    from services.kit.call import Call
    from services.kit.clock import Clock, Ids
    from services.kit.host import Hosted
    from services.kit.settings import Settings

PIECE = 1024 * 1024
"""Bytes of a backup in one reply."""
SWEEP = 600.0
"""Seconds between two looks at files that nobody has fetched."""
MOST_COUNTED = 1000
"""Views waiting that are counted."""

Problems: TypeAlias = "Callable[[], Awaitable[Mapping[str, str]]]"


class Admin:
    """The AdminService of one process. `hosted` may grow until the first call; `problems` is what readiness says.

    `run` looks after the files of backups, until cancelled, and takes them away when it ends.
    """

    def __init__(
        self,
        hosted: Sequence[Hosted],
        problems: Problems,
        settings: Settings,
        clock: Clock,
        ids: Ids,
        log: FilteringBoundLogger,
    ) -> None:
        folder = settings.backups or settings.data / "backups"
        self._backups = Backups(folder, settings.data, settings.site, clock, ids, log)
        self._clock = clock
        self._log = log
        copies = Copies(hosted, self._backups)
        letters = Letters(hosted, settings.site, Pages(page_key(settings.page_secret, ids)))
        descriptor = pb.DESCRIPTOR.services_by_name["AdminService"]
        condition = Condition(hosted, problems, settings, clock, self._backups)
        self.service = Service(descriptor, condition, letters, copies, middleware=(Validation(),))

    async def run(self) -> None:
        """Removes what a former process left, then what nobody has fetched for a day; at the end, everything."""
        try:
            while True:
                try:
                    await asyncio.to_thread(self._backups.sweep)
                except OSError as error:
                    self._log.warning("files of old backups cannot be removed", error=str(error))
                await self._clock.sleep(SWEEP)
                self._backups.forget_old()
        finally:
            await self._backups.close()


class Condition:
    """GetStatus and Republish."""

    def __init__(
        self, hosted: Sequence[Hosted], problems: Problems, settings: Settings, clock: Clock, backups: Backups
    ) -> None:
        self._backups = backups
        self._hosted = hosted
        self._problems = problems
        self._site = settings.site
        self._clock = clock
        self._started = clock.now()

    async def get_status(self, _: Call[pb.GetStatusRequest]) -> pb.Status:
        """How it is."""
        problems = await self._problems()
        services = await asyncio.gather(*(_status(one, self._site) for one in self._hosted))
        versions = [one.bus.server_version for one in self._hosted if one.bus.server_version]
        last = await self._backups.last()
        return pb.Status(
            site=self._site,
            version=program(),
            start_time=_timestamp(self._started),
            services=services,
            broker_version=versions[0] if versions else "",
            not_ready=[f"{name}: {reason}" for name, reason in sorted(problems.items())],
            last_backup_time=_timestamp(last) if last else None,
        )

    async def republish(self, call: Call[pb.RepublishRequest]) -> pb.RepublishResponse:
        """Marks every view, so that the relays publish them."""
        chosen = [_hosted(self._hosted, name, "services") for name in dict.fromkeys(call.message.services)]
        relays = [one.relay for one in chosen or self._hosted if one.relay is not None]
        count = 0
        try:
            for relay in relays:
                if call.message.new_epoch:
                    await relay.begin_epoch(int(self._clock.now().timestamp()))
                count += await relay.republish()
        except Unwritten as error:
            raise Unavailable("nothing can be written now", "STORE_UNAVAILABLE") from error
        return pb.RepublishResponse(count=count)


class Letters:
    """Dead letters."""

    def __init__(self, hosted: Sequence[Hosted], site: str, pages: Pages) -> None:
        self._hosted = hosted
        self._site = site
        self._pages = pages

    async def list_dead_letters(self, call: Call[pb.ListDeadLettersRequest]) -> pb.ListDeadLettersResponse:
        """A page of a service's letters."""
        one = _hosted(self._hosted, call.message.service, "service")
        position = self._pages.position(call)
        after = str(position[0]) if position else ""
        size = page_size(call.message.page_size)
        letters, more = await _asked(_letters(one, self._site).page(size, after)) if one.plan.reacts else ([], "")
        return pb.ListDeadLettersResponse(
            letters=letters, next_page_token=self._pages.token(call, (more,) if more else None)
        )

    async def replay_dead_letters(self, call: Call[pb.ReplayDeadLettersRequest]) -> pb.ReplayDeadLettersResponse:
        """Tries them once more."""
        one = _hosted(self._hosted, call.message.service, "service")
        if not one.plan.reacts:
            return pb.ReplayDeadLettersResponse()
        box, wanted = _letters(one, self._site), sorted(set(call.message.subjects))
        for subject in wanted:
            if await _asked(box.get(subject)) is None:
                raise NotFound(subject)
        reply = pb.ReplayDeadLettersResponse()
        for reactor in one.reactors:
            handled, left = await _asked(reactor.replay(wanted))
            reply.handled += handled
            reply.letters.extend(left)
        return reply


class Copies:
    """Backups, by their names."""

    def __init__(self, hosted: Sequence[Hosted], backups: Backups) -> None:
        self._hosted = hosted
        self._backups = backups

    async def create_backup(self, call: Call[pb.CreateBackupRequest]) -> pb.Backup:
        """Begins one."""
        if len(call.message.key) != KEY:
            raise Invalid(Violation("key", f"must be {KEY} random bytes"))
        going_on = self._backups.going_on
        if going_on is not None:
            raise Unmet(
                "another backup is being made: wait until it is done", "BACKUP_RUNNING", {"name": _name(going_on)}
            )
        return _message(self._backups.begin(call.message.key, self._sources()))

    async def get_backup(self, call: Call[pb.GetBackupRequest]) -> pb.Backup:
        """How far it is."""
        return _message(self._made(call.message.name))

    async def read_backup(self, call: Call[pb.ReadBackupRequest]) -> pb.ReadBackupResponse:
        """A piece of it."""
        made = self._made(call.message.name)
        if call.message.offset < 0:
            raise Invalid(Violation("offset", "must not be negative"))
        if not made.done:
            raise Unmet("it is not finished", "BACKUP_UNFINISHED", {"name": _name(made)})
        data = await asyncio.to_thread(made.read, call.message.offset, PIECE)
        if not data and call.message.offset == made.size:
            await self._backups.fetched(made)
        return pb.ReadBackupResponse(data=data)

    async def delete_backup(self, call: Call[pb.DeleteBackupRequest]) -> Empty:
        """Removes the file."""
        self._backups.remove(self._made(call.message.name))
        return Empty()

    def _sources(self) -> list[Source]:
        stores = [(one, one.own_store) for one in self._hosted]
        return [Source(one.plan.name, one.engine, one.plan.kinds, store) for one, store in stores if store is not None]

    def _made(self, name: str) -> Making:
        collection, _, id_ = name.partition("/")
        made = self._backups.get(id_) if collection == "backups" else None
        if made is None:
            raise NotFound(name)
        return made


async def _status(one: Hosted, site: str) -> pb.ServiceStatus:
    follows = [
        pb.FollowedStream(
            stream=name, ready=each.ready.is_set(), current=each.current, skipped=each.skipped, held=each.held
        )
        for name, each in sorted(one.projections.items())
    ]
    status = pb.ServiceStatus(service=one.plan.name, store=one.engine, follows=follows)
    if one.own_store is not None:
        with suppress(Unwritten):  # readiness says that the database is away
            status.epoch = await one.own_store.epoch()
            waiting = await one.own_store.unpublished(MOST_COUNTED)
            status.unpublished = min(sum(view.pending for record in waiting for view in record.views), MOST_COUNTED)
    if one.relay is not None:
        status.lag_seconds = one.relay.oldest
        status.alarms.extend(one.relay.alarms)
    status.dead_letters = await _count_letters(one, site)
    return status


async def _count_letters(one: Hosted, site: str) -> int:
    """How many there are; 0 while the bus is away, which readiness says."""
    if not one.plan.reacts:
        return 0
    try:
        return len(await _letters(one, site).all())
    except BusError:
        return 0


def _letters(one: Hosted, site: str) -> DeadLetters:
    return DeadLetters(one.bus, one.plan.name, site)


async def _asked(answer: Awaitable[Any]) -> Any:
    """What the bus answers. Raises Unavailable."""
    try:
        return await answer
    except BusError as error:
        raise Unavailable("the bus does not answer", "BUS_UNAVAILABLE") from error


def _hosted(hosted: Sequence[Hosted], name: str, field: str) -> Hosted:
    """The service of that name in this process. Raises Invalid, saying which there are."""
    found = next((one for one in hosted if one.plan.name == name), None)
    if found is None:
        names = ", ".join(one.plan.name for one in hosted)
        raise Invalid(Violation(field, f"is not a service of this process, which has: {names}"))
    return found


def _message(made: Making) -> pb.Backup:
    return pb.Backup(
        name=_name(made),
        create_time=_timestamp(made.created),
        done=made.done,
        size=made.size,
        entries=made.entries,
        failure=made.failure,
    )


def _name(made: Making) -> str:
    return f"backups/{made.id}"


def _timestamp(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment.astimezone(UTC))
    return made
