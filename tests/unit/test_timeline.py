"""Timelines: bounded, in order, the same after a replay, and not to be flooded."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.decide import Known, Policy, decide
from billing.position import Position
from billing.stripe_event import parse_event
from billing.timeline import MAX_BYTES, Entry, decode, encode, entry, note
from tables.row import Change, Origin
from tables.timeline import Timeline, without_customer
from tests.stripe_shapes import body, event, subscription


def made(offset: int, event_id: str | None = None, outcome: str = "applied", **changes: object) -> Entry:
    one = Entry(
        offset,
        event_id or f"evt_{offset}",
        "customer.subscription.updated",
        1_790_000_000,
        1_790_000_000 + offset,
        outcome,
        "the subscription is active",
        (f"subscription.updated:evt_{offset}",),
    )
    return replace(one, **changes)  # type: ignore[arg-type]


def written(*entries: Entry, limit: int = 50) -> list[Entry]:
    row = None
    for one in entries:
        row = note(row, one, limit)
    assert row is not None
    return decode(row)


def test_entries_stand_in_the_order_of_their_messages() -> None:
    assert written(made(1), made(5), made(9)) == [made(1), made(5), made(9)]


def test_only_the_last_ones_are_kept() -> None:
    assert [one.offset for one in written(*map(made, range(10)), limit=3)] == [7, 8, 9]


def test_a_row_is_bounded_in_bytes_too() -> None:
    row = None
    for offset in range(500):
        row = note(row, made(offset, "e" * 255, type="t" * 255, reason="r" * 500), 500)
    assert row is not None
    assert len(row) <= MAX_BYTES + 3
    assert decode(row)[-1].offset == 499


def test_a_replay_replaces_its_own_entry_and_adds_none() -> None:
    again = made(1, outcome="replayed", reason="the same message once more: the subscription is active")
    assert written(made(1), made(2), again) == [again, made(2)]


def test_a_replay_of_what_was_pushed_out_pushes_nothing_out() -> None:
    assert [one.offset for one in written(*map(made, range(5)), made(0), limit=3)] == [2, 3, 4]


def test_a_flood_of_one_events_duplicates_is_one_entry_that_counts_them() -> None:
    flood = [made(offset, "evt_1", "duplicate") for offset in range(2, 1002)]
    first, second = written(made(1), *flood, limit=5)
    assert first == made(1)
    assert (second.outcome, second.times, second.offset) == ("duplicate", 1000, 1001)
    assert second.view()["first_at"] == "2026-09-21T14:13:22Z"
    assert second.view()["decided_at"] == "2026-09-21T14:30:01Z"


def test_duplicates_of_several_events_are_entries_of_their_own() -> None:
    twice = written(made(1), made(2), made(3, "evt_1", "duplicate"), made(4, "evt_2", "duplicate"))
    assert [(one.event, one.outcome) for one in twice] == [
        ("evt_1", "applied"),
        ("evt_2", "applied"),
        ("evt_1", "duplicate"),
        ("evt_2", "duplicate"),
    ]


def test_a_replayed_duplicate_is_not_counted_again() -> None:
    flood = [made(offset, "evt_1", "duplicate") for offset in (2, 3, 4)]
    assert written(made(1), *flood, *flood) == written(made(1), *flood)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["applied", "duplicate", "ignored"])), max_size=30),
    st.data(),
)
def test_working_through_any_stretch_again_changes_nothing(
    messages: list[tuple[int, str]], data: st.DataObject
) -> None:
    entries = [made(offset, f"evt_{name}", outcome) for offset, (name, outcome) in enumerate(messages)]
    begin = data.draw(st.integers(0, len(entries)))
    limit = data.draw(st.integers(1, 40))
    row = None
    for one in entries:
        row = note(row, one, limit)
    again = row
    for one in entries[begin:]:
        again = note(again, one, limit)
    assert again == row


def test_an_entry_says_what_was_decided_and_what_was_emitted() -> None:
    told = parse_event(
        body(event("customer.subscription.created", subscription(status="active"), event_id="evt_1"))
    )
    decision = decide(told, Position("stripe.events", 0, 7), 1_790_000_005, Known({}, None), Policy())
    view = entry(told, decision, 7, 1_790_000_005).view()
    assert view == {
        "event": "evt_1",
        "type": "customer.subscription.created",
        "created": view["created"],
        "decided_at": "2026-09-21T14:13:25Z",
        "outcome": "applied",
        "reason": "the subscription is active",
        "emitted": ["subscription.started:sub_1"],
        "offset": 7,
        "times": 1,
        "first_at": "2026-09-21T14:13:25Z",
    }


@pytest.mark.parametrize("row", [b"", b"2\n[]\n", b"1\n[1,2]\n", b"1\n{}\n", b"1\nx\n"])
def test_what_is_no_row_is_refused(row: bytes) -> None:
    with pytest.raises(ValueError, match="not a record of the timeline table"):
        decode(row)


def test_a_row_survives_its_encoding() -> None:
    entries = [
        made(1, reason='says "x"\nand more'),
        made(2, outcome="duplicate", times=3, first_at=9),
    ]
    assert decode(encode(entries)) == entries


class FewRows:
    """One table in memory that tells the order of its writes."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, bytes], bytes] = {}
        self.writes: list[str] = []

    def get_row(self, partition: int, key: bytes) -> bytes | None:
        return self.rows.get((partition, key))

    def put(self, partition: int, key: bytes, value: bytes, origin: Origin) -> Change:
        self.rows[partition, key] = value
        self.writes.append("row")
        return Change("changelog", partition, key, b"%d" % origin.offset)

    def add_alias(self, partition: int, key: bytes) -> None:
        assert (partition, key) not in self.rows
        self.writes.append("alias")


def test_a_new_row_has_its_alias_before_it_is_there_and_an_old_one_keeps_it() -> None:
    rows = FewRows()
    timeline = Timeline(rows, limit=3)
    for offset in range(2):
        change = timeline.note(2, "platform|live|cus_1|sub_1", made(offset), Origin(1, offset))
        assert change == Change("changelog", 2, b"platform|live|cus_1|sub_1", b"%d" % offset)
    assert rows.writes == ["alias", "row", "row"]


def test_the_alias_of_a_timeline_leaves_the_customer_out() -> None:
    assert without_customer(b"acct_1|live|cus_1|sub_1") == b"acct_1|live|sub_1"
