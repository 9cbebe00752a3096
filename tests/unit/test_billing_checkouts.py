"""What a checkout means, and that a start reads the same whichever event tells it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Literal

import pytest

from billing.decide import Outcome, Policy
from billing.read_request import Reread, as_read
from tests.decisions import Memory, checkout_event, ids, sub_event
from tests.stripe_model import BEGINNINGS, Life
from tests.stripe_shapes import (
    NOON,
    Json,
    checkout_session,
    event,
    subscription,
)

STARTED = "subscription.started:sub_1"


def test_a_paid_checkout_waits_for_its_subscription_which_then_tells_the_start() -> None:
    memory = Memory()
    first = memory.tell(checkout_event())
    assert (first.outcome, first.wait, first.facts, first.read) == (Outcome.DEFERRED, True, (), None)
    assert "waits up to 5 s" in first.reason
    started = memory.tell(sub_event("created"))
    assert ids(started) == [STARTED]
    assert started.facts[0].data["price"] == "price_pro"
    again = memory.tell(checkout_event(), waited=5)
    assert (again.outcome, again.wait, again.facts) == (Outcome.APPLIED, False, ())
    assert "evt_1 already told" in again.reason


def test_a_paid_checkout_starts_its_subscription_when_nothing_else_does() -> None:
    memory = Memory()
    assert memory.tell(checkout_event()).wait
    assert memory.tell(checkout_event(), waited=4).wait
    told = memory.tell(checkout_event(), waited=5)
    assert ids(told) == [STARTED]
    said = told.facts[0].data
    assert (said["invoice"], said["currency"], said["price"]) == ("in_1", "usd", None)
    assert memory.rows["platform|live|cus_1|sub_1"].status is None
    assert ids(memory.tell(sub_event("created"))) == []


def test_without_patience_a_paid_checkout_tells_at_once() -> None:
    assert ids(Memory(Policy(checkout_patience=0)).tell(checkout_event())) == [STARTED]


def test_a_checkout_that_told_tells_again_when_its_message_comes_again() -> None:
    memory = Memory()
    memory.tell(checkout_event(), offset=1)
    assert ids(memory.tell(checkout_event(), offset=2, waited=5)) == [STARTED]
    assert ids(memory.tell(checkout_event(), offset=1)) == [STARTED]
    assert ids(memory.tell(checkout_event(), offset=2, waited=9)) == [STARTED]


def test_what_a_checkout_says_comes_from_the_subscription_as_far_as_it_is_known() -> None:
    memory = Memory()
    memory.tell(sub_event("created", "incomplete"))
    assert memory.tell(checkout_event()).wait
    data = memory.tell(checkout_event(), waited=5).facts[0].data
    assert (data["price"], data["amount"], data["currency"]) == ("price_pro", 2900, "usd")


def test_an_unpaid_checkout_waits_for_its_payment() -> None:
    memory = Memory(Policy(checkout_patience=0))
    assert ids(memory.tell(checkout_event(payment_status="unpaid"))) == []
    assert ids(memory.tell(checkout_event("async_payment_succeeded", "evt_d"))) == [STARTED]


@pytest.mark.parametrize("mode", ["live", "test"])
def test_with_a_key_stripe_is_asked_once_for_the_subscription_that_a_checkout_names(
    mode: Literal["live", "test"],
) -> None:
    memory = Memory(Policy(reads=frozenset({mode})))
    paid = checkout_event() | {"livemode": mode == "live"}
    asked = memory.tell(paid).read
    assert isinstance(asked, Reread)
    assert (asked.subscription, asked.witness, asked.after) == ("sub_1", None, NOON)
    assert memory.tell(paid, waited=1).read is None
    answer = as_read(asked, subscription(status="active"), NOON + 1)
    told = memory.tell(answer)
    assert ids(told) == [STARTED]
    assert told.facts[0].data["price"] == "price_pro"
    assert ids(memory.tell(paid, waited=5)) == []


@pytest.mark.parametrize("mode", ["live", "test"])
def test_a_key_of_another_mode_is_not_asked(mode: Literal["live", "test"]) -> None:
    memory = Memory(Policy(reads=frozenset({mode})))
    assert memory.tell(checkout_event() | {"livemode": mode == "test"}).read is None


LATER: dict[str, Callable[[Life], None]] = {
    "nothing": lambda _: None,
    "an upgrade": lambda life: life.upgrade("price_max", 5),
    "a renewal": Life.renew,
    "a pause": Life.pause,
    "an end of the trial": Life.end_trial,
    "a cancellation": Life.cancel,
}


STARTING = [one for one in BEGINNINGS if one not in {"incomplete", "checkout_lapsed"}]


def starts_told(order: Sequence[Json]) -> list[tuple[int, Json]]:
    """Time and data of the starts that `order` tells, without what names the event that told it."""
    memory = Memory()
    decisions = [memory.tell(built) for built in order]
    waiting = [built for built, decision in zip(order, decisions, strict=True) if decision.wait]
    decisions += [memory.tell(built, waited=5) for built in waiting]
    own = {"stripe_event_id", "stripe_event_type", "superseded"}
    return [
        (fact.time, {name: said for name, said in fact.data.items() if name not in own})
        for decision in decisions
        for fact in decision.facts
        if fact.type == "subscription.started"
    ]


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("beginning", STARTING)
def test_a_start_reads_the_same_whichever_event_tells_it(beginning: str, later: str) -> None:
    life = Life("a")
    life.subscribe(beginning)
    life.now += 60
    LATER[later](life)
    events = [one for one in life.history.events if not one["type"].startswith("invoice.")]
    told = [starts_told(order) for order in itertools.permutations(events)]
    assert told == [told[0]] * len(told)
    ((_, said),) = told[0]
    assert said["price"] == "price_basic"


@pytest.mark.parametrize("mode", ["payment", "setup", "something_new"])
def test_a_checkout_of_another_mode_starts_nothing(mode: str) -> None:
    decision = Memory().tell(checkout_event(mode=mode, subscription=None))
    assert (decision.outcome, decision.facts) == (Outcome.IGNORED, ())


def test_a_checkout_with_nothing_to_pay_is_not_called_paid() -> None:
    session = checkout_session(payment_status="no_payment_required")
    reason = Memory().tell(event("checkout.session.completed", session)).reason
    assert reason.startswith("the checkout is complete")
