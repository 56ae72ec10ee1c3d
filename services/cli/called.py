"""What people call things: by a title, its beginning, or an id."""

from __future__ import annotations

import difflib
import unicodedata
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from services.cli.shell import Failure, seen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence


class Named(Protocol):
    """Whatever has a resource name."""

    name: str


N = TypeVar("N", bound=Any)
MOST_SHOWN = 10
SHORT_ID = 8
"""Letters of an id that are enough to name a thing."""
_COMMANDS = {"closure": "close", "booking": "book"}


def id_of(named: Named) -> str:
    """The last part of its resource name."""
    return named.name.rpartition("/")[2]


def folded(text: str) -> str:
    """The text as it is compared: without case, accents, and doubled spaces."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(bare.casefold().split())


def matches(wanted: str, things: Iterable[N], title: Callable[[N], str]) -> list[N]:
    """Those with this id; else with this title; else whose title begins so; else whose id begins so."""
    things = list(things)
    if same := [each for each in things if id_of(each) == wanted]:
        return same
    text = folded(wanted)
    if same := [each for each in things if folded(title(each)) == text]:
        return same
    if same := [each for each in things if text and folded(title(each)).startswith(text)]:
        return same
    return [each for each in things if len(wanted) >= SHORT_ID and id_of(each).startswith(wanted)]


def the_one(what: str, wanted: str, things: Sequence[N], title: Callable[[N], str]) -> N:
    """The only thing that is called so. Raises Failure, which lists what it may be."""
    found = matches(wanted, things, title)
    if len(found) == 1:
        return found[0]
    raise Failure(not_one(what, wanted, [(id_of(each), title(each)) for each in found or things], several=bool(found)))


def not_one(what: str, wanted: str, candidates: Sequence[tuple[str, str]], *, several: bool) -> str:
    """What is said when a name means several things, or nothing: which they are, or may be, with their ids."""
    if several:
        return f"several {what}s are called {wanted!r}: say which by its id:" + _listed(candidates)
    similar = _similar(wanted, candidates)
    return (
        f"there is no {what} {wanted!r} here. "
        + (f"There is:{_listed(similar)}\n" if similar else "")
        + f"`openchair {_COMMANDS.get(what, what)} list` shows which there are"
    )


def _similar(wanted: str, candidates: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those in whose title it stands, else those that look like it."""
    text = folded(wanted)
    within = [each for each in candidates if text and text in folded(each[1])]
    close = difflib.get_close_matches(text, [folded(title) for _, title in candidates])
    return within or [each for each in candidates if folded(each[1]) in close]


def _listed(candidates: Sequence[tuple[str, str]]) -> str:
    shown = [f"\n  {id_}  {seen(title)}" for id_, title in candidates[:MOST_SHOWN]]
    more = len(candidates) - len(shown)
    return "".join(shown) + (f"\n  and {more} more" if more > 0 else "")


async def pages(call: Callable[..., Awaitable[Any]], request: Any, field: str, patience: float) -> list[Any]:
    """Everything that a method lists, of all its pages."""
    found: list[Any] = []
    while True:
        page = await call(request, timeout=patience)
        found.extend(getattr(page, field))
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token
