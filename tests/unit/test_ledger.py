"""An offset may be committed when that message and all before it are settled, and nothing else counts."""

from __future__ import annotations

import pytest

from agents.errors import Stop
from agents.ledger import HeldMessage, Ledger, TopicPartition
from agents.protocols import Message

AT = TopicPartition("stripe.events", 0)


def take(ledger: Ledger, offset: int, at: TopicPartition = AT, now: float = 0.0) -> HeldMessage:
    ledger.fetched(at, offset)
    held = ledger.take(Message(at.topic, at.partition, offset, None, b""), now)
    assert held is not None
    return held


def test_nothing_is_committable_while_the_first_is_held() -> None:
    ledger = Ledger()
    take(ledger, 0)
    take(ledger, 1).settle()
    take(ledger, 2).settle()
    assert ledger.committable() == {}


def test_settling_the_head_frees_all_that_were_settled_behind_it() -> None:
    ledger = Ledger()
    first = take(ledger, 5)
    take(ledger, 6).settle()
    take(ledger, 7)
    first.settle()
    assert ledger.committable() == {AT: 7}


def test_settling_twice_counts_once() -> None:
    ledger = Ledger()
    held = take(ledger, 0)
    held.settle()
    held.settle()
    assert (ledger.committable(), ledger.in_flight) == ({AT: 1}, 0)


def test_an_offset_is_committable_until_kafka_has_it() -> None:
    ledger = Ledger()
    take(ledger, 0).settle()
    assert ledger.committable() == {AT: 1}  # the commit failed
    assert ledger.committable() == {AT: 1}
    ledger.committed({AT: 1})
    assert ledger.committable() == {}


def test_a_released_message_settled_late_commits_nothing() -> None:
    ledger = Ledger()
    held = take(ledger, 0)
    ledger.release()
    held.settle()
    assert held.abandoned
    assert (ledger.committable(), ledger.in_flight) == ({}, 0)


def test_after_a_release_the_same_offsets_may_come_again() -> None:
    ledger = Ledger()
    take(ledger, 0)
    ledger.release()
    take(ledger, 0).settle()
    assert ledger.committable() == {AT: 1}


def test_a_message_fetched_twice_is_held_once() -> None:
    ledger = Ledger()
    take(ledger, 0)
    ledger.fetched(AT, 0)
    assert ledger.take(Message(AT.topic, AT.partition, 0, None, b""), 0.0) is None
    assert ledger.in_flight == 1


def test_a_message_lost_between_fetch_and_agent_stops_the_worker() -> None:
    ledger = Ledger()
    ledger.fetched(AT, 0)
    ledger.fetched(AT, 1)
    with pytest.raises(Stop, match=r"Offset 1 of stripe.events\[0\] came where 0 was expected"):
        ledger.take(Message(AT.topic, AT.partition, 1, None, b""), 0.0)


def test_partitions_do_not_hold_each_other_up() -> None:
    ledger = Ledger()
    other = TopicPartition("stripe.events", 1)
    take(ledger, 0)
    take(ledger, 9, other).settle()
    assert ledger.committable() == {other: 10}


def test_the_oldest_in_hand_is_known() -> None:
    ledger = Ledger()
    first = take(ledger, 0, now=10.0)
    take(ledger, 1, now=11.0)
    assert ledger.oldest() == 10.0
    first.settle()
    assert ledger.oldest() == 11.0
