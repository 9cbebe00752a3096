"""Whole histories through the decision: any order, repetition and crash give the same facts and state."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.cloudevent import encode
from billing.decide import Decision, Known, Outcome, Policy, decide, lookups
from billing.partition_key import partition_key
from billing.position import Position
from billing.seen import Seen
from billing.state import SubscriptionState
from billing.stripe_event import parse_event
from billing.subscription import read_subscription
from tests.stripe_model import History, histories
from tests.stripe_shapes import NOON, Json, body

Cell = bytes | None
Place = Callable[[int, int], int]


@dataclass
class Table:
    """A table as its changelog tells it: for each key every value it ever had, and at which offset."""

    written: dict[str, list[tuple[int, Cell]]] = field(default_factory=dict)

    def get(self, key: str) -> Cell:
        return self.written[key][-1][1] if key in self.written else None

    def put(self, key: str, value: bytes, offset: int) -> None:
        self.written.setdefault(key, [(-1, None)]).append((offset, value))

    def crash(self, data: st.DataObject, settled: int) -> None:
        """Each key falls back, on its own, to any value it had since the last one that was durable."""
        for key, values in self.written.items():
            durable = max(index for index, (offset, _) in enumerate(values) if offset < settled)
            kept = data.draw(st.integers(durable, len(values) - 1), label=f"{key} survives")
            del values[kept + 1 :]


class Worker:
    """A lifecycle worker of one partition, without Kafka."""

    def __init__(
        self, log: Sequence[Json], policy: Policy | None = None, place: Place = lambda _, end: end
    ) -> None:
        """What is put off comes again at `place(next, end)`, an offset that nobody has read yet."""
        self.log: list[tuple[bytes, int | None]] = [(body(built), None) for built in log]
        self.policy = policy or Policy()
        self.place = place
        self.read = 0
        self.seen = Table()
        self.subscriptions = Table()
        self.told: list[tuple[int, str]] = []
        self.outcomes: list[Outcome] = []

    def run(self, start: int = 0, end: int | None = None) -> Worker:
        offset = start
        while offset < (len(self.log) if end is None else end):
            self.work(offset)
            offset += 1
        return self

    def work(self, offset: int) -> Decision:
        self.read = max(self.read, offset + 1)
        raw, since = self.log[offset]
        event = parse_event(raw)
        keys = lookups(event)
        seen = {key: Seen.decode(found) for key in keys.seen if (found := self.seen.get(key)) is not None}
        row = None if keys.subscription is None else self.subscriptions.get(keys.subscription)
        known = Known(seen, None if row is None else SubscriptionState.decode(row))
        at = NOON if since is None else since + self.policy.checkout_patience
        where = Position("stripe.events", 0, offset)
        decision = decide(event, where, at, known, self.policy, waiting_since=since)
        assert set(decision.remember) <= set(keys.seen)
        for key, value in decision.remember.items():
            self.seen.put(key, value.encode(), offset)
        if decision.subscription is not None:
            assert keys.subscription is not None
            assert keys.subscription.startswith(partition_key(event).decode() + "|")
            self.subscriptions.put(keys.subscription, decision.subscription.encode(), offset)
        for fact in decision.facts:
            assert encode(fact)
            self.told.append((offset, fact.key))
        if decision.wait:
            self.log.insert(self.place(self.read, len(self.log)), (raw, NOON))
        self.outcomes.append(decision.outcome)
        return decision

    def crash(self, data: st.DataObject, reached: int) -> int:
        """Lose what was not durable: tables and facts alike, from some offset on. Returns that offset."""
        settled = data.draw(st.integers(0, reached), label="settled")
        self.seen.crash(data, settled)
        self.subscriptions.crash(data, settled)
        self.told = [(offset, key) for offset, key in self.told if offset < settled]
        return settled

    @property
    def facts(self) -> set[str]:
        return {key for _, key in self.told}

    @property
    def rows(self) -> Mapping[str, Cell]:
        return {key: self.subscriptions.get(key) for key in self.subscriptions.written}

    @property
    def views(self) -> Mapping[str, Json]:
        return {
            key: SubscriptionState.decode(row).view() for key, row in self.rows.items() if row is not None
        }


def delivered(data: st.DataObject, history: History) -> list[Json]:
    """The history in any order, some of it more than once."""
    again = data.draw(st.lists(st.sampled_from(history.events), max_size=5), label="repeated")
    return data.draw(st.permutations(history.events + again), label="delivered")


def anywhere(data: st.DataObject) -> Place:
    """What is put off comes again behind any of the messages that are still to be read."""
    return lambda low, high: data.draw(st.integers(low, high), label="comes again at")


@settings(max_examples=300, deadline=None)
@given(st.data(), histories())
def test_any_order_and_repetition_tells_exactly_the_models_facts_once(
    data: st.DataObject, history: History
) -> None:
    worker = Worker(delivered(data, history), place=anywhere(data)).run()
    assert sorted(key for _, key in worker.told) == sorted(history.facts)


@settings(max_examples=300, deadline=None)
@given(st.data(), histories())
def test_any_order_and_repetition_ends_in_the_state_that_stripe_has(
    data: st.DataObject, history: History
) -> None:
    in_order = Worker(history.events).run()
    shuffled = Worker(delivered(data, history)).run()
    assert shuffled.views == in_order.views
    for key, truth in history.truth.items():
        row = shuffled.rows[key]
        assert row is not None
        assert SubscriptionState.decode(row).current == read_subscription(truth)


@settings(max_examples=200, deadline=None)
@given(st.data(), histories())
def test_any_part_of_a_history_means_the_same_in_any_order(data: st.DataObject, history: History) -> None:
    part = data.draw(st.lists(st.sampled_from(history.events), unique_by=lambda built: str(built["id"])))
    shuffled = data.draw(st.permutations(part))
    one, other = Worker(part).run(), Worker(shuffled, place=anywhere(data)).run()
    assert one.facts == other.facts
    assert one.views == other.views


@settings(max_examples=300, deadline=None)
@given(st.data(), histories(most=6))
def test_a_crash_at_any_point_that_loses_any_unsettled_writes_changes_nothing(
    data: st.DataObject, history: History
) -> None:
    log = delivered(data, history)
    clean = Worker(log).run()
    worker = Worker(log)
    start = 0
    for _ in range(data.draw(st.integers(1, 3), label="crashes")):
        reached = data.draw(st.integers(start, len(log)), label="reached")
        worker.run(start, reached)
        start = worker.crash(data, reached)
    worker.run(start)
    assert worker.facts == clean.facts
    assert worker.rows == clean.rows


@settings(max_examples=200, deadline=None)
@given(st.data(), histories(most=6))
def test_replaying_from_any_offset_over_later_state_tells_the_same_facts_again(
    data: st.DataObject, history: History
) -> None:
    log = delivered(data, history)
    worker = Worker(log).run()
    first, rows = list(worker.told), dict(worker.rows)
    start = data.draw(st.integers(0, len(worker.log)), label="from")
    worker.told.clear()
    worker.run(start)
    # As a set: what waited may tell at the first place when it comes there again, and at the second.
    assert worker.facts == {key for offset, key in first if offset >= start}
    assert worker.rows == rows


@settings(max_examples=100, deadline=None)
@given(st.data(), histories(most=6))
def test_account_and_mode_keep_their_subscriptions_apart(data: st.DataObject, history: History) -> None:
    twins = copy.deepcopy(history.events)
    for built in twins:
        built["account"] = "acct_twin"
    alone = Worker(history.events).run()
    both = Worker(data.draw(st.permutations(history.events + twins))).run()
    mine = {key: view for key, view in both.views.items() if not key.startswith("acct_twin|")}
    assert mine == alone.views
    assert both.facts == alone.facts | {f"acct_twin|{key.split('|', 1)[1]}" for key in alone.facts}


@settings(max_examples=100, deadline=None)
@given(histories(most=6), st.sampled_from(("live", "test")))
def test_a_mode_that_is_not_wanted_leaves_no_trace_but_that_it_was_seen(history: History, mode: str) -> None:
    wanted = Policy(livemode="live" if mode == "live" else "test")
    worker = Worker(history.events, wanted).run()
    assert worker.facts == {key for key in history.facts if key.split("|")[1] == mode}
    assert {key.split("|")[1] for key in worker.rows} <= {mode}
    assert len(worker.seen.written) >= len(history.events)
