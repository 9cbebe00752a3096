"""The staleness rule, case by case."""

from __future__ import annotations

import itertools
from functools import reduce
from typing import Any

import pytest

from billing.order import fold, latest, snapshot
from billing.stripe_event import parse_event
from billing.subscription import Subscription, read_subscription
from tests.stripe_shapes import NOON, Json, before_basil, body, event, subscription


def said(
    name: str, after: Json, *, at: int = 0, was: Json | None = None, kind: str = "updated"
) -> tuple[str, bytes]:
    """One event, named for its place in the story; the name is the event's id."""
    built = event(f"customer.subscription.{kind}", after, event_id=name, created=NOON + at, previous=was)
    return name, body(built)


def winner(events: list[tuple[str, bytes]]) -> Subscription:
    """The last snapshot's reading, the same for every order of arrival."""
    found = set()
    for order in itertools.permutations(events):
        parsed = [parse_event(raw) for _, raw in order]
        readings = [read_subscription(one.object) for one in parsed]
        snapshots = [snapshot(one, r) for one, r in zip(parsed, readings, strict=True) if r is not None]
        last = latest(reduce(fold, snapshots, ()))
        assert last is not None
        assert last.reading is not None
        found.add(last.reading)
    (only,) = found
    return only


def test_the_newer_second_wins() -> None:
    old = said("evt_z", subscription(status="past_due"), was={"status": "active"})
    new = said("evt_a", subscription(status="active"), at=1, was={"status": "trialing"})
    assert winner([old, new]).status == "active"


def test_nothing_comes_before_the_creation_whatever_its_second_says() -> None:
    born = said("evt_z", subscription(status="incomplete"), at=1, kind="created")
    paid = said("evt_a", subscription(status="active"), was={"status": "incomplete"})
    assert winner([born, paid]).status == "active"
    assert winner([paid, born]).status == "active"


@pytest.mark.parametrize("terminal", ["canceled", "incomplete_expired"])
def test_a_terminal_status_stays_whatever_comes_later(terminal: str) -> None:
    end = said("evt_1", subscription(status=terminal), was={"status": "incomplete"})
    late = said("evt_2", subscription(status="active"), at=60, was={"status": "incomplete"})
    assert winner([end, late]).status == terminal


def test_an_update_after_the_end_is_still_the_end_but_newer() -> None:
    end = said("evt_2", subscription(status="canceled"), kind="deleted")
    details = {"reason": "payment_disputed"}
    after = said(
        "evt_1",
        subscription(status="canceled", cancellation_details=details),
        at=5,
        was={"cancellation_details": {"reason": None}},
    )
    assert winner([end, after]).cancellation_reason == "payment_disputed"


def test_the_chain_of_previous_values_settles_one_second() -> None:
    # The ids and the status ranks all say the opposite.
    first = said("evt_9", subscription(status="incomplete"), kind="created")
    second = said("evt_8", subscription(status="past_due"), was={"status": "incomplete"})
    third = said("evt_7", subscription(status="active"), was={"status": "past_due"})
    assert winner([first, second, third]).status == "active"


def test_a_reminder_in_the_same_second_changes_nothing() -> None:
    reminder = said("evt_9", subscription(status="trialing"), kind="trial_will_end")
    update = said("evt_1", subscription(status="active"), was={"status": "trialing"})
    assert winner([reminder, update]).status == "active"


def test_a_second_that_returns_to_its_beginning_ends_there() -> None:
    before = said("evt_1", subscription(), at=-9, kind="created")
    there = said("evt_2", subscription(cancel_at_period_end=True), was={"cancel_at_period_end": False})
    back = said("evt_3", subscription(), was={"cancel_at_period_end": True})
    assert not winner([before, there, back]).cancel_at_period_end
    canceling = said("evt_1", subscription(cancel_at_period_end=True), at=-9, kind="created")
    assert winner([canceling, there, back]).cancel_at_period_end


def test_nested_values_are_put_back_in_part_and_arrays_whole() -> None:
    paused = {"behavior": "void", "resumes_at": NOON + 9}
    plain = {"behavior": "keep_as_draft", "resumes_at": NOON + 9}
    one = said("evt_9", subscription(pause_collection=plain), was={"pause_collection": None})
    two = said(
        "evt_1",
        subscription(pause_collection=paused),
        was={"pause_collection": {"behavior": "keep_as_draft"}},
    )
    assert winner([one, two]).pause_behavior == "void"


def test_the_chain_holds_across_api_versions() -> None:
    first = said("evt_9", before_basil(subscription(status="incomplete")), kind="created")
    second = said("evt_1", subscription(status="active"), was={"status": "incomplete"})
    assert winner([first, second]).status == "active"


def test_where_an_event_is_missing_what_the_second_began_with_gives_way() -> None:
    # Between these two an update is missing, so nothing links them.
    first = said("evt_9", subscription(status="past_due"), kind="created")
    later = said("evt_1", subscription(status="active", schedule="s_1"), was={"status": "trialing"})
    assert winner([first, later]).status == "active"


def test_a_snapshot_that_nothing_links_to_counts_too() -> None:
    first = said("evt_9", subscription(status="trialing"), kind="created")
    paused = said("evt_1", subscription(status="paused"), kind="paused")
    assert winner([first, paused]).status == "paused"


def test_where_nothing_else_tells_the_status_then_the_id_decides() -> None:
    one = said("evt_2", subscription(status="active", schedule="s_1"), was={"status": "paused"})
    other = said("evt_1", subscription(status="past_due", schedule="s_2"), was={"status": "trialing"})
    assert winner([one, other]).status == "past_due"
    low = said("evt_1", subscription(schedule="s_1"), was={"status": "paused"})
    high = said("evt_2", subscription(schedule="s_2"), was={"status": "trialing"})
    assert winner([low, high]).schedule == "s_2"


@pytest.mark.parametrize("previous", [{"id": None}, {"status": 7}])
def test_previous_values_that_make_no_sense_link_to_nothing(previous: dict[str, Any]) -> None:
    one = said("evt_1", subscription(status="active"), was=previous)
    assert winner([one]).status == "active"
