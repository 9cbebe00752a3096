"""The staleness rule: a pure function of the set of events, and equal to what Stripe would say."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.order import MAX_A_SECOND, Frontier, Snapshot, fold, latest, snapshot, undecided
from billing.stripe_event import parse_event
from billing.subscription import Subscription, read_subscription
from tests.stripe_model import History, lives
from tests.stripe_shapes import body, subscription

STATUSES = ("incomplete", "trialing", "active", "past_due", "canceled", "something_new")


def a_reading() -> Subscription:
    reading = read_subscription(subscription())
    assert reading is not None
    return reading


READING = a_reading()

# Any snapshots at all, sensible or not: convergence may not depend on Stripe's good behaviour.
arbitrary = st.builds(
    lambda event, created, status, before, after: Snapshot(
        event=event,
        created=created,
        terminal=status == "canceled",
        status=status,
        before=before,
        after=after,
        reading=replace(READING, status=status),
    ),
    st.sampled_from([f"evt_{n:02}" for n in range(24)]),
    st.integers(0, 5),
    st.sampled_from(STATUSES),
    st.sampled_from(("", "v0", "v1", "v2")),
    st.sampled_from(("v0", "v1", "v2")),
)


def folded(snapshots: list[Snapshot]) -> Frontier:
    return reduce(fold, snapshots, ())


def snapshots_of(history: History) -> list[Snapshot]:
    found = []
    for built in history.events:
        if built["type"].startswith("customer.subscription."):
            event = parse_event(body(built))
            reading = read_subscription(event.object)
            assert reading is not None
            found.append(snapshot(event, reading))
    return found


@settings(max_examples=300, deadline=None)
@given(st.data(), st.lists(arbitrary, max_size=40, unique_by=lambda one: one.identity))
def test_any_order_of_any_snapshots_gives_the_same_frontier(
    data: st.DataObject, given: list[Snapshot]
) -> None:
    shuffled = data.draw(st.permutations(given))
    again = data.draw(st.lists(st.sampled_from(given), max_size=10)) if given else []
    assert folded(shuffled + again) == folded(given)
    assert undecided(folded(shuffled)) == undecided(folded(given))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 60), st.randoms(use_true_random=False))
def test_a_crowded_second_stays_bounded_and_converges(count: int, random: object) -> None:
    crowd = [
        Snapshot(
            f"evt_{n:02}",
            7,
            terminal=False,
            status="active",
            before=f"v{n}",
            after=f"v{n + 1}",
            reading=READING,
        )
        for n in range(count)
    ]
    shuffled = list(crowd)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # Hypothesis gives a random.Random
    assert folded(shuffled) == folded(crowd)
    assert len(folded(crowd)) == min(count, MAX_A_SECOND)


@settings(max_examples=400, deadline=None)
@given(st.data(), lives("a", most=14))
def test_the_last_snapshot_is_stripes_own_last_object_in_any_order(
    data: st.DataObject, history: History
) -> None:
    shuffled = data.draw(st.permutations(snapshots_of(history)))
    last = latest(folded(shuffled))
    (truth,) = history.truth.values()
    assert last is not None
    assert last.reading == read_subscription(truth)
    assert undecided(folded(shuffled)) is None
