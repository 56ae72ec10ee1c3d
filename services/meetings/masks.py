"""Field masks (AIP-134): which fields an update changes."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from services.kit.errors import Invalid, Violation

M = TypeVar("M", bound=Message)


def merged(current: M, update: M, mask: FieldMask, writable: frozenset[str], field: str) -> tuple[M, frozenset[str]]:
    """`current` with the masked fields of `update`, and their paths. An empty mask means every field that is set.

    `writable` are the top-level fields that may be changed; `field` is where the message stands in the request.
    Raises Invalid for a path that does not exist or may not be written.
    """
    paths = list(mask.paths) or [each.name for each, _ in update.ListFields() if each.name in writable]
    for path in paths:
        known = FieldMask(paths=[path]).IsValidForDescriptor(update.DESCRIPTOR)  # type: ignore[arg-type]  # its stub names one of two classes
        if path.split(".")[0] not in writable or not known:
            raise Invalid(Violation("update_mask", f"{path!r} is not a field of {field} that can be changed"))
    result = type(current)()
    result.CopyFrom(current)
    FieldMask(paths=paths).MergeMessage(update, result, replace_message_field=True, replace_repeated_field=True)
    return result, frozenset(paths)
