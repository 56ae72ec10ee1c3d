"""What invite codes open: the groups of all centres with their codes' digests, and a board for each group."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.message import DecodeError
from openchair.meetings.v1 import group_pb2, meeting_pb2

from services.web.board import MEETING, CentreBoard

if TYPE_CHECKING:
    from datetime import datetime

    from services.kit.event import Event

GROUP = group_pb2.Group.DESCRIPTOR.full_name

_TOKENS = 7


class Opened(NamedTuple):
    """What a code opens: a group of a centre."""

    centre: str
    group: str


class Circles:
    """All groups of the private stream. A group's board holds its meetings; its centre is the public one's to say."""

    def __init__(self) -> None:
        self._groups: dict[Opened, group_pb2.Group] = {}
        self._codes: dict[str, Opened] = {}
        self._boards: dict[Opened, CentreBoard] = {}
        self._in: dict[tuple[str, str], Opened] = {}
        self._scopes: set[str] = set()

    def apply(self, event: Event) -> None:
        """Takes in one state. Raises ValueError for an event that contradicts itself; nothing has changed then."""
        tokens = event.subject.split(".")
        if len(tokens) != _TOKENS:
            raise ValueError("a subject has seven tokens")
        scope, id_ = tokens[4], tokens[6]
        try:
            if event.type == GROUP:
                self._take_group(Opened(scope, id_), event)
            elif event.type == MEETING:
                self._take_meeting(scope, id_, event)
        except DecodeError as error:
            raise ValueError("the payload is not what its type says") from error

    def reset(self) -> None:
        """Forgets everything, before a rebuild from the stream."""
        for known in (self._groups, self._codes, self._boards, self._in, self._scopes):
            known.clear()

    def opened_by(self, digest: str, now: datetime) -> Opened | None:
        """What the code with this digest opens at this moment."""
        opened = self._codes.get(digest)
        if opened is None:
            return None
        held = next(each for each in self._groups[opened].invite_codes if each.digest == digest)
        over = held.HasField("expire_time") and held.expire_time.ToDatetime(now.tzinfo) <= now
        return None if over else opened

    def title(self, opened: Opened) -> str:
        """What the group is called."""
        return self._groups[opened].title

    def board(self, opened: Opened) -> CentreBoard:
        """The group's meetings."""
        return self._boards.setdefault(opened, CentreBoard())

    def unlisted(self, meeting: str) -> Opened | None:
        """Where an unlisted meeting is, for whoever knows its id: that is its address."""
        for scope in self._scopes:
            home = self._in.get((scope, meeting))
            if home and self._boards[home].meetings[meeting].visibility == meeting_pb2.VISIBILITY_UNLISTED:
                return home
        return None

    def _take_group(self, key: Opened, event: Event) -> None:
        group = group_pb2.Group.FromString(event.payload) if event.payload is not None else None
        if group is not None and group.name != f"centres/{key.centre}/groups/{key.group}":
            raise ValueError("subject and payload name different groups")
        for each in self._groups.pop(key, group_pb2.Group()).invite_codes:
            self._codes.pop(each.digest, None)
        if group is not None:
            self._groups[key] = group
            self._codes.update((each.digest, key) for each in group.invite_codes)

    def _take_meeting(self, scope: str, id_: str, event: Event) -> None:
        meeting = meeting_pb2.Meeting.FromString(event.payload) if event.payload is not None else None
        if meeting is not None and meeting.name != f"centres/{scope}/meetings/{id_}":
            raise ValueError("subject and payload name different meetings")
        home = _home(scope, meeting) if meeting is not None else None
        if meeting is not None and home is not None:
            self.board(home).put(id_, meeting)
        before = self._in.pop((scope, id_), None)
        if before is not None and before != home:
            self.board(before).remove(id_)
        if home is not None:
            self._in[scope, id_] = home
            self._scopes.add(scope)


def _home(scope: str, meeting: meeting_pb2.Meeting) -> Opened | None:
    """Whose it is: its group's; an unlisted one without a group belongs to whoever knows its address."""
    unlisted = meeting.visibility == meeting_pb2.VISIBILITY_UNLISTED
    return Opened(scope, meeting.invite_group.rpartition("/")[2]) if meeting.invite_group or unlisted else None
