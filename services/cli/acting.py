"""How the actions of a coordinator's commands are made: about one centre, on the server, with refusals in words."""

from __future__ import annotations

import asyncio
from argparse import RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, Any

from services.cli.server import site
from services.cli.shell import EXIT_CODES, centre_id

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Mapping

    from services.cli.server import Site
    from services.kit.settings import Settings


def action(
    actions: Any,
    name: str,
    text: str,
    run: Callable[[Site, argparse.Namespace], Awaitable[None]],
    examples: str,
    options: Mapping[str, str],
    takes: str = "",
) -> Any:
    """A command about a centre, and about what it `takes` after it. Its help begins with examples."""
    parser = actions.add_parser(
        name,
        help=text,
        usage=f"%(prog)s CENTRE {takes}{' ' if takes else ''}[OPTIONS]",
        description=f"{text[0].upper()}{text[1:]}.\n\n{examples.rstrip()}",
        epilog=EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("centre", metavar="CENTRE", type=centre_id, help="id of the centre")
    parser.set_defaults(run=lambda asked, settings: obey(run, asked, settings, options))
    return parser


def obey(
    run: Callable[[Site, argparse.Namespace], Awaitable[None]],
    asked: argparse.Namespace,
    settings: Settings,
    options: Mapping[str, str],
) -> int:
    """Does it on the server."""

    async def whole() -> None:
        async with site(settings, options) as stubs:
            await run(stubs, asked)

    asyncio.run(whole())
    return 0
