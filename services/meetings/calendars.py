"""Public holidays of countries and their parts, from the `holidays` library: which dates, and what they are called."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import holidays

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date


@functools.cache
def _subdivisions() -> Mapping[str, list[str]]:
    """The countries that are known, each with its parts (ISO 3166-2, without the country)."""
    found: Mapping[str, list[str]] = holidays.list_supported_countries()
    return found


def known(code: str) -> bool:
    """Whether it is the code of a country, or of a part of one ("DE", "DE-BE"), whose holidays are known."""
    country, dash, part = code.partition("-")
    parts = _subdivisions().get(country)
    return parts is not None and len(country) == 2 and (part in parts if dash else True)  # noqa: PLR2004 - ISO 3166-1 alpha-2


@functools.lru_cache(256)
def of_year(code: str, year: int) -> Mapping[date, str]:
    """The public holidays of a year by date, in English where it is known. Raises KeyError for an unknown code."""
    if not known(code):
        raise KeyError(code)
    country, _, part = code.partition("-")
    kinds = holidays.country_holidays(
        country, subdiv=part or None, years=year, observed=True, language=_english(country)
    )
    return dict(kinds.items())


def _english(country: str) -> str | None:
    languages = getattr(holidays, country).supported_languages
    return next((each for each in ("en_US", "en_GB", "en_CA", "en") if each in languages), None)
