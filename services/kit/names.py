"""Resource names (AIP-122): "shelves/{shelf}/books/{book}". Each service states its own patterns."""

from __future__ import annotations

import re

from services.kit.errors import Invalid, Violation

LONGEST_NAME = 400

_ID = r"[A-Za-z0-9_-]{1,64}"
_VARIABLE = re.compile(r"\{([a-z_]+)\}")
_NAME = re.compile(rf"{_ID}(?:/{_ID})+")


def is_id(text: str) -> bool:
    """Whether it is a url-safe token of at most 64 characters."""
    return re.fullmatch(_ID, text) is not None


def is_name(text: str) -> bool:
    """Whether it has the form of a resource name: two or more url-safe tokens with "/" between them."""
    return len(text) <= LONGEST_NAME and _NAME.fullmatch(text) is not None


class Pattern:
    """One pattern of resource names. Raises ValueError for one that is none."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.variables = tuple(_VARIABLE.findall(pattern))
        literal = _VARIABLE.sub("x", pattern)
        if not self.variables or not is_name(literal) or len(set(self.variables)) != len(self.variables):
            raise ValueError(f"{pattern!r} is not a pattern of resource names")
        self._regex = re.compile(_VARIABLE.sub(rf"(?P<\1>{_ID})", pattern))

    def matches(self, text: str) -> bool:
        """Whether the name is one of this pattern."""
        return self._regex.fullmatch(text) is not None

    def parse(self, text: str, field: str) -> dict[str, str]:
        """The ids in the name, by variable. Raises Invalid, naming the request's field, not what stood in it."""
        match = self._regex.fullmatch(text)
        if match is None:
            raise Invalid(Violation(field, f"must be a name like {self.pattern!r}"))
        return match.groupdict()

    def format(self, **ids: str) -> str:
        """The name with these ids. Raises ValueError for a wrong variable or an id that is not a url-safe token."""
        if set(ids) != set(self.variables):
            raise ValueError(f"{self.pattern!r} takes {', '.join(self.variables)}")
        for variable, value in ids.items():
            if not is_id(value):
                raise ValueError(f"{variable} of {self.pattern!r} is not a url-safe token")
        return self.pattern.format(**ids)
