"""Nothing that is stored or published links two seats of one person.

Ten people keep a seat each at two meetings, a standing seat at a third, and wait for sister dates: each of them all
four, one right after the other, the worst case. Then the system is stopped, and whoever has its whole folder (every
database with its rowids, every file, every stream, the log) tries to say whose seats go together: by the values they
share, by times, and by where things stand in files and tables. The place in a line is kept within each list, since it
is what a line is; here everybody comes to all lists in the same order, so it is left out.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import grpc
import pytest
from openchair.rsvps.v1 import list_rules_pb2
from openchair.rsvps.v1 import rsvp_service_pb2 as pb
from openchair.rsvps.v1.rsvp_service_pb2_grpc import RsvpServiceStub

from services.kit.client import RpcError, connect
from services.rsvps.secrets import parse
from tests.system import acts, canaries
from tests.system.running import System, reached, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PEOPLE = 10
NOT_YET = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)
"""What is said of a meeting that was not heard of, and of a date of such a one."""
ACTS = ("one evening", "another evening", "every week", "either workshop")
FINER = re.compile(r"\d{4}-\d\d-\d\dT(?!00:00:00\.000Z)\d\d:\d\d:\d\d\.\d{3}Z")
OF_A_PERSON = re.compile(r"[\w+/=-]{8,}")
FIRST = datetime.now(UTC).date() + timedelta(days=9)
DAY, START = f"{FIRST:%Y%m%d}", f"{FIRST}T19:00"


class Row(NamedTuple):
    """A seat as it stands in its table, and what it is about."""

    of: str
    rowid: int
    id: str
    mac: str
    head: str
    text: str


class Site(NamedTuple):
    """All that is left behind, and who is who."""

    folder: Path
    log: bytes
    keys: list[bytes]
    rows: list[list[Row]]
    """By person: the seats of each act."""


def text_of(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("unlinkable")
    source = random.Random(11)  # noqa: S311 - the same people each time
    keys = [source.randbytes(16) for _ in range(PEOPLE)]
    with running(folder, {"OPENCHAIR_LOG_LEVEL": "debug"}) as system:
        lists = asyncio.run(_filled(system, keys))
        assert system.stop() == 0
    return Site(folder, system.log.read_bytes(), keys, _rows(system, keys, lists))


async def _filled(system: System, keys: list[bytes]) -> dict[str, list[str]]:
    """Everybody comes. Gives the lineages of the meetings of each act."""
    async with system.meetings() as stub:
        centre = await acts.create_centre(stub, "oak")
        names = [(await acts.create_meeting(stub, centre, f"Meeting {n}", START)).name for n in range(5)]
    async with system.channel() as channel:
        staff = RsvpServiceStub(channel)
        await reached(lambda: _ruled(staff, names), "the meetings are heard of")
    dates = [f"{name}/occurrences/{DAY}" for name in names]
    async with connect(f"127.0.0.1:{system.grpc_port}") as channel:
        guests = RsvpServiceStub(channel)
        for number in (1, 2):
            filler = text_of(bytes([number]) * 16)
            await guests.Reserve(pb.ReserveRequest(name=dates[2 + number], guest_key=filler))
        for number, key in enumerate(keys):
            for place in (*dates[:2], names[2]):
                await guests.Reserve(
                    pb.ReserveRequest(name=place, guest_key=text_of(key), request_id=f"{place[-30:]}-{number}"[-36:])
                )
            await guests.Reserve(pb.ReserveRequest(name=dates[3], also=[dates[4]], guest_key=text_of(key)))
    short = [name.rpartition("/")[2] for name in names]
    return dict(zip(ACTS, ([short[0]], [short[1]], [short[2]], short[3:]), strict=True))


async def _ruled(staff: RsvpServiceStub, names: list[str]) -> bool:
    """Sets the rules, as soon as the service has heard of the meetings."""
    for place, name in enumerate(names):
        rules = list_rules_pb2.ListRules(
            name=f"{name}/listRules",
            mode=list_rules_pb2.RSVP_MODE_OPTIONAL,
            capacity=1 if place > 2 else 50,
            standing_seats=place == 2,
        )
        if place == 3:
            both = [f"{each}/occurrences/{DAY}" for each in names[3:]]
            rules.sister_dates.append(list_rules_pb2.SisterDates(id="workshop", names=both))
        try:
            await staff.SetListRules(pb.SetListRulesRequest(list_rules=rules))
        except RpcError as error:
            if error.code() not in NOT_YET:
                raise
            return False
    return True


def _rows(system: System, keys: list[bytes], lists: dict[str, list[str]]) -> list[list[Row]]:
    """The seats of each person. Who looks here has the site's secret, which whoever has only the databases has not."""
    (path,) = system.data.glob("**/rsvps.sqlite")
    secrets = parse((system.keys / "guest.secret").read_text(), "secret")
    with closing(sqlite3.connect(path)) as connection:
        heads = dict(connection.execute("SELECT id, state FROM record_list"))
        seats = connection.execute("SELECT rowid, * FROM record_seat").fetchall()
    about = {
        id_: next(act for act, of in lists.items() if json.loads(state)["event"] in of) for id_, state in heads.items()
    }
    found: list[list[Row]] = [[] for _ in keys]
    for rowid, id_, *columns in seats:
        state = json.loads(next(each for each in columns if isinstance(each, str) and each.startswith("{")))
        row = Row(about[state["head"]], rowid, id_, state["mac"], state["head"], repr(columns))
        for number, key in enumerate(keys):
            macs = {secrets.mac("1", "oak", of, key) for of in heads}
            if row.mac in macs:
                found[number].append(row)
    return found


# What whoever has all of it tries


def shared_by_one(rows: list[list[Row]]) -> set[str]:
    """Words that stand in two acts of one person and in no seat of anybody else."""
    found: set[str] = set()
    for number, mine in enumerate(rows):
        others = {word for n, each in enumerate(rows) if n != number for row in each for word in _words(row)}
        by_act = [{word for row in mine if row.of == act for word in _words(row)} for act in ACTS]
        for one, other in combinations(by_act, 2):
            found |= (one & other) - others
    return found


def _words(row: Row) -> set[str]:
    return {*OF_A_PERSON.findall(row.text), row.id, row.mac}


def times_in(rows: list[list[Row]]) -> set[str]:
    """Instants finer than a day."""
    return {time for each in rows for row in each for time in FINER.findall(row.text)}


def rank(rows: list[list[Row]], where: dict[str, float]) -> float:
    """How near a person's own seat at another list is among all seats there, on average; 1: always the nearest.

    By chance it is half of one more than the people.
    """
    return rank_by(rows, lambda one, other: abs(where[one.id] - where[other.id]))


def rank_by(rows: list[list[Row]], far: Callable[[Row, Row], float]) -> float:
    """The same, by how far two seats are from each other."""
    ranks = []
    for one, other in combinations(sorted({row.of for row in rows[0]}, key=ACTS.index), 2):
        first = [next(row for row in each if row.of == one) for each in rows]
        second = [next(row for row in each if row.of == other) for each in rows]
        for number, row in enumerate(first):
            away = [far(row, each) for each in second]
            ranks.append(sorted(range(len(away)), key=away.__getitem__).index(number) + 1)
    return sum(ranks) / len(ranks)


def places_of(body: bytes, row: Row) -> list[int]:
    """Wherever a seat stands in a file."""
    return [match.start() for word in {row.id, row.mac} for match in re.finditer(re.escape(word.encode()), body)]


def nearest(some: list[int], others: list[int]) -> float:
    """How far the nearest two are from each other."""
    return min(abs(one - other) for one in some for other in others)


BY_CHANCE = (PEOPLE + 1) / 2
BETTER = BY_CHANCE - 2
"""Sixty ranks have a mean within 1.5 of chance, but for one time in ten thousand."""


def test_everybody_has_all_four_seats(site: Site) -> None:
    for rows in site.rows:
        assert {row.of for row in rows} == set(ACTS)


def test_no_value_is_shared_by_two_seats_of_one_person(site: Site) -> None:
    assert shared_by_one(site.rows) == set()


def test_no_time_of_a_seat_is_finer_than_a_day_nor_of_what_is_said_about_it(site: Site) -> None:
    assert times_in(site.rows) == set()
    (path,) = site.folder.glob("**/rsvps.sqlite")
    heads = {row.head for each in site.rows for row in each}
    with closing(sqlite3.connect(path)) as connection:
        trail = connection.execute("SELECT id, at, actor FROM audit WHERE kind IN ('list', 'seat')").fetchall()
        shown = connection.execute("SELECT id, at FROM view WHERE kind = 'list'").fetchall()
        kept = connection.execute("SELECT expires_at, method FROM answer WHERE method LIKE '%Reserve'").fetchall()
    assert heads & {id_ for id_, *_ in trail}
    said = [at for _, at, actor in trail if actor == "guest"] + [at for _, at in shown] + [at for at, _ in kept]
    assert said
    assert kept
    assert [at for at in said if FINER.search(at)] == []


def test_where_seats_stand_in_tables_and_files_says_nothing(site: Site) -> None:
    rows = [row for each in site.rows for row in each]
    assert rank(site.rows, {row.id: float(row.rowid) for row in rows}) > BETTER
    (path,) = site.folder.glob("**/rsvps.sqlite")
    body = path.read_bytes()
    assert rank(site.rows, {row.id: float(body.find(row.id.encode())) for row in rows}) > BETTER


def test_nowhere_in_any_file_is_one_seat_of_a_person_nearer_to_another_than_to_anybody_elses(site: Site) -> None:
    """Wherever ids and HMACs of seats stand: tables, indexes, what was freed, copies, whatever the file."""
    looked = []
    for surface in canaries.files(site.folder):
        places = {row.id: places_of(surface.body, row) for each in site.rows for row in each}
        if all(places.values()):
            looked.append(surface.name)
            assert rank_by(site.rows, lambda one, other, at=places: nearest(at[one.id], at[other.id])) > BETTER  # type: ignore[misc]
    assert looked


def test_answers_that_are_kept_stand_in_no_order_in_which_people_came(site: Site) -> None:
    """Of each person three were kept, asked for one right after the other."""
    (path,) = site.folder.glob("**/rsvps.sqlite")
    body = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        kept = {id_ for (id_,) in connection.execute("SELECT request_id FROM answer WHERE method LIKE '%Reserve'")}
    mine = [sorted(each for each in kept if each.endswith(f"-{number}")) for number in range(PEOPLE)]
    assert {len(each) for each in mine} == {3}
    answers = [[Row(act, 0, id_, id_, "", "") for act, id_ in zip(ACTS, each, strict=False)] for each in mine]
    where = {row.id: places_of(body, row) for each in answers for row in each}
    assert rank_by(answers, lambda one, other: nearest(where[one.id], where[other.id])) > BETTER


def test_no_stream_knows_of_a_list_whose_word_never_changed(site: Site) -> None:
    """It would tell to the second when the first seat was kept; who begins two lists would be found by that."""
    streams = list(canaries.files(site.folder / "var" / "nats"))
    heads = {f"{row.of}: {row.head}": row.head for each in site.rows for row in each}
    told = {name for _, name in canaries.found(streams, heads)}
    assert told
    assert {name.partition(":")[0] for name in told} == {ACTS[3]}, "only there did a word ever change"


def test_no_stream_and_no_log_knows_of_a_seat(site: Site) -> None:
    streams = list(canaries.files(site.folder / "var" / "nats"))
    assert streams
    words = {row.id: row.id for each in site.rows for row in each} | {
        row.mac: row.mac for each in site.rows for row in each
    }
    words |= {f"key {number}": text_of(key) for number, key in enumerate(site.keys)}
    words |= {f"hex {number}": key.hex() for number, key in enumerate(site.keys)}
    assert canaries.found([*streams, canaries.Surface("log", site.log)], words) == set()


def test_no_file_holds_a_key(site: Site) -> None:
    words = {f"key {number}": text_of(key) for number, key in enumerate(site.keys)}
    files = list(canaries.files(site.folder))
    assert canaries.found(files, words) == set()
    assert not [each.name for each in files for key in site.keys if key in each.body]


# Whoever tries finds it, where it is to be found


def test_rising_rowids_a_shared_value_or_a_time_would_be_found(site: Site) -> None:
    rows = [row for each in site.rows for row in each]
    rising = {row.id: 10.0 * number + place for number, each in enumerate(site.rows) for place, row in enumerate(each)}
    assert rank(site.rows, rising) < 2
    assert rank(site.rows, rising) < BETTER
    body = b"".join(row.id.encode() + row.mac.encode() for each in site.rows for row in each)
    where = {row.id: places_of(body, row) for each in site.rows for row in each}
    assert rank_by(site.rows, lambda one, other: nearest(where[one.id], where[other.id])) < BETTER
    marked = [
        [row._replace(text=f"{row.text} device-{number:04d}") for row in each] for number, each in enumerate(site.rows)
    ]
    assert len(shared_by_one(marked)) == PEOPLE
    timed = [[row._replace(text=f"{row.text} 2026-11-21T12:00:01.000Z") for row in each] for each in site.rows]
    assert times_in(timed) == {"2026-11-21T12:00:01.000Z"}
    assert rows
