"""A guest's own seat as a message."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from google.protobuf.timestamp_pb2 import Timestamp
from openchair.rsvps.v1 import seat_pb2

from services.kit.clock import moment
from services.rsvps import seating
from services.rsvps.line import LAPSES
from services.rsvps.times import NEVER, times
from services.rsvps.types import End, State, Wait, Where

if TYPE_CHECKING:
    from services.rsvps.sealing import Told
    from services.rsvps.types import Answer, GuestList, Seat

STATES: Final = {
    State.GOING: seat_pb2.SEAT_STATE_GOING,
    State.WAITLISTED: seat_pb2.SEAT_STATE_WAITLISTED,
    State.OFFERED: seat_pb2.SEAT_STATE_OFFERED,
    State.DECLINED: seat_pb2.SEAT_STATE_DECLINED,
    State.CANCELLED: seat_pb2.SEAT_STATE_CANCELLED,
}
ENDS: Final = {
    End.OWN: seat_pb2.SEAT_END_OWN,
    End.MEETING_CANCELLED: seat_pb2.SEAT_END_MEETING_CANCELLED,
    End.MOVED: seat_pb2.SEAT_END_MOVED,
    End.NOT_CONFIRMED: seat_pb2.SEAT_END_NOT_CONFIRMED,
    End.STAFF: seat_pb2.SEAT_END_STAFF,
}
ATTENDANCES: Final = {Where.ROOM: seat_pb2.ATTENDANCE_IN_PERSON, Where.ONLINE: seat_pb2.ATTENDANCE_ONLINE}
_IN_LINE: Final = frozenset({State.GOING, State.WAITLISTED, State.OFFERED})


def seat_message(name: str, guest_list: GuestList, seat: Seat, at: str) -> seat_pb2.Seat:
    """What its guest may know of a seat, without what the guest wrote: answers are kept for replays, in the clear."""
    state, end = seating.standing_of(guest_list, seat, at)
    message = seat_pb2.Seat(
        name=name,
        state=seat_pb2.SEAT_STATE_UNSPECIFIED if state is None else STATES[state],
        end=seat_pb2.SEAT_END_UNSPECIFIED if end is None else ENDS[end],
        attendance=ATTENDANCES[seat.where],
        party_size=seat.party,
        wait=seat_pb2.WAIT_CHOICE_ASK if seat.wait is Wait.ASK else seat_pb2.WAIT_CHOICE_UNSPECIFIED,
        moved=guest_list.moves > seat.moves,
        standing=bool(seat.standing),
        quotas=seat.quotas,
        passed_over=state is State.WAITLISTED and seat.lapses >= LAPSES,
    )
    occasion = guest_list.occasion
    if occasion.start:
        message.start_time.CopyFrom(_stamp(occasion.start))
    if occasion.end:
        message.end_time.CopyFrom(_stamp(occasion.end))
    if state in _IN_LINE:
        _add_times(message, guest_list, seat, state)
    return message


def with_own_words(message: seat_pb2.Seat, seat: Seat, told: Told) -> seat_pb2.Seat:
    """The same, with what the guest wrote: for that guest alone, and never stored so."""
    message.answers.extend(answer_message(each) for each in (*seat.answers, *told.answers))
    message.first_name = told.first_name
    if told.chip or told.named or told.milestone:
        message.celebration.CopyFrom(seat_pb2.Celebration(chip=told.chip, named=told.named, milestone=told.milestone))
    return message


def answer_message(answer: Answer) -> seat_pb2.Answer:
    """An answer to one question."""
    return seat_pb2.Answer(question=answer.question, choices=answer.choices, number=answer.number, text=answer.text)


def _add_times(message: seat_pb2.Seat, guest_list: GuestList, seat: Seat, state: State) -> None:
    """Until when what is possible."""
    when = times(guest_list)
    if when.cut_off != NEVER:
        message.change_until_time.CopyFrom(_stamp(when.cut_off))
    if guest_list.confirm and state is State.GOING and not seat.confirmed:
        message.confirm_until_time.CopyFrom(_stamp(guest_list.confirm))
    if when.draw and state is State.WAITLISTED and not guest_list.drawn:
        message.draw_time.CopyFrom(_stamp(when.draw))
    if state is State.OFFERED and seat.offered_until:
        message.offer_expire_time.CopyFrom(_stamp(seat.offered_until))


@functools.lru_cache(maxsize=4096)
def _stamp(at: str) -> Timestamp:
    """An instant as a message, which is only copied from."""
    when = moment(at)
    return Timestamp(seconds=int(when.timestamp()), nanos=when.microsecond * 1000)
