"""What every store must do: values as they were, refusals by their path, documents of other versions."""

from __future__ import annotations

import msgspec
import pytest

from services.kit.store.port import Commit, Document, Kind, Record, Store
from tests.contract.store_fixtures import (
    KINDS,
    MEETING,
    NOW,
    START,
    Engine,
    answer,
    commit,
    ids,
    line,
    meeting,
    public,
    seat,
    stored,
)

pytest_plugins = ("tests.contract.store_fixtures",)


# Values


@pytest.mark.parametrize(
    "text",
    [
        "a\0b",
        "$where",
        "a.b.c",
        "'; DROP TABLE record_meeting; --",
        "\u202ebidi",
        "\U0001f4ba\x1f\x7f",
        "\u00e9",
        "e\u0301",
        "",
    ],
)
async def test_user_text_comes_back_letter_by_letter(store: Store, text: str) -> None:
    record = meeting("a", title=text, notes=[text, {"text": text}], actor="x")
    await store.commit(Commit((record,), (), (msgspec.structs.replace(line("a", 1, "said"), reason=text),)))
    assert (await stored(store, "a")).state == record.state
    assert (await store.history("meeting", "a"))[0].reason == text


async def test_user_text_without_nul_is_found_as_it_is(store: Store) -> None:
    texts = ["$where", "a.b", "%", "'", '"', "\U0001f4ba", "é", "10", ""]
    await store.commit(Commit(tuple(meeting(f"m{n}", centre=text) for n, text in enumerate(texts))))
    for n, text in enumerate(texts):
        assert await ids(store, {"centre": text}) == [f"m{n}"]


async def test_numbers_keep_all_their_bits(store: Store) -> None:
    numbers = [-(2**63), -1, 0, 2**53 + 1, 2**63 - 1]
    await store.commit(Commit(tuple(meeting(f"m{n}", seats=number) for n, number in enumerate(numbers))))
    assert await ids(store, {}, ("seats",)) == ["m0", "m1", "m2", "m3", "m4"]
    for n, number in enumerate(numbers):
        assert await ids(store, {"seats": number}) == [f"m{n}"]
        assert (await stored(store, f"m{n}")).state["seats"] == number


@pytest.mark.parametrize(
    ("bad", "path"),
    [
        ({"price": 1.5}, r"meeting 'a': state\.price"),
        ({"notes": [{"when": START}]}, r"meeting 'a': state\.notes\[0\]\.when"),
        ({"notes": (1,)}, r"state\.notes"),
        ({"count": 2**63}, r"state\.count"),
        ({"count": -(2**63) - 1}, r"state\.count"),
        ({"notes": {"$set": 1}}, r"state\.notes: a key"),
        ({"notes": {"a.b": 1}}, r"state\.notes: a key"),
        ({"notes": {"": 1}}, r"state\.notes: a key"),
        ({"notes": {1: 1}}, r"state\.notes: a key"),
        ({"title": "\ud800"}, r"state\.title"),
        ({"centre": None}, r"state\.centre"),
        ({"centre": ["north"]}, r"state\.centre"),
        ({"centre": "no\0rth"}, r"state\.centre"),
        ({"title": "x" * 9_000_000}, r"state: is larger"),
        ({"at": "2026-11-21"}, r"at: is not an instant"),
        ({"due_at": "2026-11-21T12:00:00Z"}, r"due_at: is not an instant"),
        ({"revision": 0}, r"revision"),
        ({"id": ""}, r"id"),
        ({"kind": "room"}, r"'room'"),
    ],
)
async def test_what_a_store_cannot_keep_is_refused_by_its_path(store: Store, bad: dict[str, object], path: str) -> None:
    record = meeting("a")
    own = {name: value for name, value in bad.items() if name in Record.__struct_fields__}
    state = {**record.state, **{name: value for name, value in bad.items() if name not in own}}
    with pytest.raises(ValueError, match=path):
        await store.commit(commit(seat("s"), msgspec.structs.replace(record, **{"state": state, **own})))
    assert await store.get("seat", "s") is None


async def test_an_indexed_field_is_always_there(store: Store) -> None:
    record = meeting("a")
    del record.state["centre"]
    with pytest.raises(ValueError, match=r"state\.centre"):
        await store.commit(commit(record))


async def test_what_is_nested_without_end_is_refused(store: Store) -> None:
    deep: Document = {}
    deep["deep"] = deep
    with pytest.raises(ValueError, match="deeper"):
        await store.commit(commit(meeting("a", notes=deep)))


# Opening again


async def test_everything_is_there_when_it_is_opened_again(engine: Engine) -> None:
    first = await engine.start(KINDS)
    await first.commit(Commit((meeting("a", views=(public(),)),), (answer("r"),), (line("a", 1, "created"),)))
    before = await stored(first, "a")
    await first.close()
    second = await engine.start(KINDS)
    assert await second.get("meeting", "a") == before
    assert await second.unpublished(10) == [before]
    assert await second.answer(answer("r").key) == answer("r")
    assert await second.history("meeting", "a") == [line("a", 1, "created")]
    await second.close()


def newer(*, version: int) -> Kind:
    def rename(state: Document) -> Document:
        return {**{k: v for k, v in state.items() if k != "start"}, "begins": state["start"]}

    def add(state: Document) -> Document:
        return {**state, "place": f"{state['centre']}-hall"}

    indexes = (("centre", "begins"), ("place",)) if version == 3 else (("centre", "begins"),)
    return Kind("meeting", indexes, version, {1: rename, 2: add})


async def test_older_documents_are_upgraded_step_by_step_and_found_by_their_new_fields(engine: Engine) -> None:
    first = await engine.start((MEETING,))
    await first.commit(commit(meeting("a"), msgspec.structs.replace(meeting("gone", gone=True), state={})))
    await first.close()
    second = await engine.start((newer(version=3),))
    found = (await second.find("meeting", {"place": "north-hall"})).records
    assert [(record.id, record.revision, record.state["begins"]) for record in found] == [("a", 1, NOW)]
    assert "start" not in found[0].state
    assert (await stored(second, "gone")).state == {}
    with pytest.raises(ValueError, match="'start'"):
        await second.find("meeting", {"start": NOW})
    await second.close()


async def test_a_document_of_a_newer_version_is_refused_by_name(engine: Engine) -> None:
    first = await engine.start((newer(version=2),))
    record = meeting("from the future")
    record.state["begins"] = NOW
    await first.commit(commit(record))
    await first.close()
    older = await engine.start((MEETING,))
    with pytest.raises(ValueError, match=r"meeting 'from the future' is a document of version 2"):
        await older.get("meeting", "from the future")
    await older.close()


@pytest.mark.parametrize("name", ["Meeting", "meeting; --", "", "a__b", "id"])
async def test_a_kind_with_a_name_that_is_not_ours_is_refused(engine: Engine, name: str) -> None:
    for kind in (Kind(name), Kind("meeting", ((name,),))):
        with pytest.raises(ValueError, match="cannot name"):
            await engine.start((kind,))
