"""docker-compose.yml as Compose reads it: YAML with its merge keys, and variables filled in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from tests.system.running import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPOSE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?:(?P<how>:[-?])(?P<rest>[^}]*))?\})")


def compose(variables: Mapping[str, str]) -> dict[str, Any]:
    """The file. Raises KeyError for a variable that is needed and not given."""
    found: dict[str, Any] = filled(yaml.safe_load(COMPOSE.read_text()), variables)
    return found


def filled(value: Any, variables: Mapping[str, str]) -> Any:
    """The value with its variables filled in, all the way down."""
    if isinstance(value, dict):
        return {key: filled(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, variables) for each in value]
    if not isinstance(value, str):
        return value
    return _VARIABLE.sub(lambda match: _filled(match, variables), value)


def _filled(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name = match["name"]
    if name is None:
        return "$"
    if variables.get(name):
        return variables[name]
    if match["how"] == ":-":
        return str(match["rest"])
    raise KeyError(f"{name}: {match['rest']}")


def variables_of(text: str) -> dict[str, str]:
    """What a file of variables says."""
    return dict(line.split("=", 1) for line in text.splitlines() if line)
