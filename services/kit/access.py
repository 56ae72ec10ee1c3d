"""Who may call a method: the option (openchair.access.v1.access) beside it in the proto, and its enforcement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openchair.access.v1 import access_pb2

from services.kit.call import EVERYWHERE, Call, Caller, Method
from services.kit.errors import Denied, Invalid, NotFound, Unauthenticated, Violation
from services.kit.names import is_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
    from google.protobuf.message import Message

_PREFIX = "ROLE_"

ROLES = frozenset(name.removeprefix(_PREFIX).lower() for name, number in access_pb2.Role.items() if number)
"""The names of the roles there are, as tokens carry them."""


@dataclass(frozen=True)
class Rule:
    """Who may call one method. `scope` is the path of the request field whose name decides the scope; "": none does."""

    public: bool = False
    roles: frozenset[str] = frozenset()
    scope: str = ""


def rule_of(method: MethodDescriptor) -> Rule:
    """The rule beside a method. Raises ValueError where there is none, or one that cannot be enforced."""
    options = method.GetOptions()
    if not options.HasExtension(access_pb2.access):
        raise ValueError(f"{method.full_name} does not say who may call it (openchair.access.v1.access)")
    option = options.Extensions[access_pb2.access]
    roles = frozenset(access_pb2.Role.Name(role).removeprefix(_PREFIX).lower() for role in option.roles if role)
    if option.public == bool(roles):
        raise ValueError(f"{method.full_name} must be either public or for some roles")
    _check_path(method, option.scope)
    return Rule(option.public, roles, option.scope)


def rules_of(service: ServiceDescriptor) -> dict[str, Rule]:
    """The rules of a service's methods, by the method that a Call carries. Raises ValueError, naming every fault."""
    rules: dict[str, Rule] = {}
    faults = []
    for method in service.methods:
        try:
            rules[f"{service.full_name}/{method.name}"] = rule_of(method)
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise ValueError("; ".join(faults))
    return rules


class Access:
    """The middleware that enforces rules. A method without one accepts nobody.

    Whoever holds no role at all in the scope asked for gets the answer that an absent object would get, so that nobody
    learns what exists elsewhere; nothing is read to give it.
    """

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self._rules = dict(rules)

    async def __call__(self, call: Call[Any], method: Method) -> Message:
        """Passes the call on if its caller may make it. Raises Unauthenticated, Denied, NotFound or Invalid."""
        rule = self._rules.get(call.method)
        if rule is None:
            raise Denied("nobody may call this method", "NO_ACCESS_RULE")
        if not rule.public:
            _enforce(rule, call)
        return await method(call)


def _enforce(rule: Rule, call: Call[Any]) -> None:
    """Raises what a caller without the right is to be told."""
    if not call.caller.subject:
        raise Unauthenticated("this method needs a token", "TOKEN_MISSING")
    name = _scope_name(call.message, rule.scope)
    scope = name.split("/")[1] if name else ""
    if call.caller.has(rule.roles, scope):
        return
    if scope and not _known_in(call.caller, scope):
        raise NotFound(name)
    raise _denied(rule.roles)


def _known_in(caller: Caller, scope: str) -> bool:
    """Whether the caller holds any role there."""
    return bool(caller.roles.get(EVERYWHERE) or caller.roles.get(scope))


def _denied(roles: Iterable[str]) -> Denied:
    wanted = ", ".join(sorted(roles))
    return Denied(f"this needs one of these roles: {wanted}", "ROLE_MISSING", {"roles": wanted})


def _scope_name(message: Message, path: str) -> str:
    """The resource name that decides the scope; "" where the rule has none. Raises Invalid if it is no name."""
    if not path:
        return ""
    value: Any = message
    for step in path.split("."):
        value = getattr(value, step)
    if not is_name(value):
        raise Invalid(Violation(path, "must be a resource name"))
    return str(value)


def _check_path(method: MethodDescriptor, path: str) -> None:
    """Raises ValueError unless the path leads to one string of the request."""
    message = method.input_type
    *outer, last = path.split(".") if path else [""]
    for step in outer:
        field = message.fields_by_name.get(step)
        if field is None or field.message_type is None or field.is_repeated:
            raise ValueError(f"{method.full_name}: the request has no message field {path!r}")
        message = field.message_type
    leaf = message.fields_by_name.get(last)
    if path and (leaf is None or leaf.type != leaf.TYPE_STRING or leaf.is_repeated):
        raise ValueError(f"{method.full_name}: the request has no text field {path!r}")
