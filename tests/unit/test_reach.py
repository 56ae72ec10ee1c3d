"""How one service finds another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.kit.reach import Reach, Unknown
from services.kit.settings import Settings, SettingsError, read

if TYPE_CHECKING:
    from services.kit.client import Channel


class Made:
    """A channel that only knows whether it was closed."""

    closed = False

    async def close(self) -> None:
        self.closed = True


def own() -> Channel:
    made: Any = Made()
    channel: Channel = made
    return channel


async def test_a_service_of_this_process_is_reached_in_it_whatever_the_settings_say() -> None:
    reach = Reach(["books"], Settings(targets=(("books", "grpc://books:1"),)))
    reach.own = own
    assert isinstance(reach.to("books"), Made)
    assert reach.to("books") is reach.to("books")


async def test_another_is_reached_where_the_settings_say_and_nowhere_else() -> None:
    reach = Reach(["shelves"], Settings(targets=(("books", "grpc://127.0.0.1:1"),)))
    reach.own = own
    assert not isinstance(reach.to("books"), Made)
    with pytest.raises(Unknown):
        reach.to("letters")
    await reach.close()


async def test_every_channel_is_closed_with_it() -> None:
    reach = Reach(["books"], Settings())
    reach.own = own
    made: Any = reach.to("books")
    await reach.close()
    assert made.closed
    assert reach.to("books") is not made


@pytest.mark.parametrize(
    "text",
    [
        "books",
        "books=",
        "=grpc://b:1",
        "books=b:1",
        "books=https://b:1",
        "books=grpc://b",
        "books=grpc://u:p@b:1",
        "books=grpc://b:1/x",
        "books=grpc://b:1,letters",
    ],
)
def test_a_target_is_a_name_and_an_address(text: str) -> None:
    with pytest.raises(SettingsError, match="OPENCHAIR_TARGETS"):
        read({"OPENCHAIR_TARGETS": text})


def test_several_targets_stand_side_by_side() -> None:
    found = read({"OPENCHAIR_TARGETS": "books=grpc://b:1, letters=grpcs://[::1]:2"}).targets
    assert found == (("books", "grpc://b:1"), ("letters", "grpcs://[::1]:2"))
