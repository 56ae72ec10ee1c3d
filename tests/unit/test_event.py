"""Events and their headers: what one end writes, the other reads, and nothing else is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.event import Event, headers, received, subject
from services.kit.streams import NatsUser, StreamSettings, declared, differences, permissions

AT = "2026-11-21T12:00:00.000Z"
WHERE = subject("home", "public", "meetings", "oak", "meeting", "m1")
WHOLE = Event(WHERE, 1, 7, "openchair.meetings.v1.Meeting", AT, b"state")

tokens = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0189-_", min_size=1, max_size=12).filter(lambda t: t.strip("-_"))
subjects = st.builds(subject, tokens, st.sampled_from(["public", "private"]), tokens, tokens, tokens, tokens)
revisions = st.integers(1, 2**63 - 1)
events = st.builds(
    Event,
    subjects,
    st.integers(0, 2**63 - 1),
    revisions,
    st.just("openchair.meetings.v1.Meeting"),
    st.just(AT),
    st.none() | st.binary(min_size=1),
    st.lists(st.tuples(subjects, revisions), max_size=3).map(tuple),
)


@given(events)
def test_an_event_reads_back_as_it_was_written(event: Event) -> None:
    assert received(event.subject, headers(event), event.payload or b"") == event


def test_attributes_are_those_of_cloudevents() -> None:
    assert headers(WHOLE, "00-a-b-01") == {
        "ce-specversion": "1.0",
        "ce-id": f"{WHERE}:1:7",
        "ce-type": "openchair.meetings.v1.Meeting",
        "ce-source": "/openchair/home/meetings",
        "ce-time": AT,
        "ce-subject": WHERE,
        "ce-datacontenttype": "application/protobuf",
        "traceparent": "00-a-b-01",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce-specversion", "0.3"),
        ("ce-subject", WHERE.replace("m1", "m2")),
        ("ce-id", ""),
        ("ce-id", f"{WHERE}:1"),
        ("ce-id", f"{WHERE}:1:0"),
        ("ce-id", f"{WHERE}:-1:7"),
        ("ce-id", f"{WHERE}:1:7:7"),
        ("ce-id", f"x{WHERE}:1:7"),
        ("ce-id", f"{WHERE}:1:" + "9" * 30),
        ("ce-id", f"{WHERE}:1:\u0667"),
        ("ce-id", f"{WHERE.replace('m1', 'm2')}:1:7"),
        ("ce-type", ""),
        ("ce-time", "yesterday"),
        ("ce-time", ""),
        ("ce-tombstone", "true"),
        ("ce-needs", "m1@x"),
        ("ce-needs", "m1"),
    ],
)
def test_a_message_whose_headers_disagree_is_no_event_and_the_refusal_repeats_none_of_it(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"ce-|CloudEvents|tombstone") as refused:
        received(WHERE, {**headers(WHOLE), name: value}, b"state")
    assert "m2" not in str(refused.value)


def test_no_payload_is_no_event_unless_it_is_a_tombstone() -> None:
    with pytest.raises(ValueError, match="no payload"):
        received(WHERE, headers(WHOLE), b"")


@pytest.mark.parametrize("token", ["", "a.b", "*", ">", "a b", "é", "a\n", "$JS", "--"])
def test_what_is_not_url_safe_cannot_stand_in_a_subject(token: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a subject"):
        subject("home", "public", "meetings", "oak", "meeting", token)


def test_only_a_provisioner_may_touch_streams_and_nobody_may_publish_everywhere() -> None:
    users = [NatsUser("m", ("openchair.home.public.m.>",), ("PUBLIC_home",)), NatsUser("f", follows=("PUBLIC_home",))]
    for user in users:
        allowed = permissions(user)["publish"]["allow"]
        assert not [
            verb for verb in allowed if any(word in verb for word in ("CREATE.*", "UPDATE", "PURGE", "STREAM.DELETE"))
        ]
        assert ">" not in allowed
        assert permissions(user)["subscribe"]["allow"] == [f"_INBOX_{user.name}.>"]


def test_streams_of_a_site_are_one_public_and_one_per_private_view() -> None:
    public, private = declared("home", ["rsvps"])
    assert (public.name, public.subjects) == ("PUBLIC_home", ("openchair.home.public.>",))
    assert (private.name, private.subjects) == ("PRIVATE_home_rsvps", ("openchair.home.private.rsvps.>",))


def test_a_difference_names_stream_setting_and_both_values() -> None:
    wanted = StreamSettings("S", ("a.>",))
    found = StreamSettings("S", ("a.>",), storage="memory", num_replicas=3, max_bytes=10**9)
    assert differences(found, wanted) == ["stream S: storage is 'memory', should be 'file'"]
