"""What each event means, and that it is said once."""

from __future__ import annotations

from typing import Any

import pytest

from billing.decide import Known, Outcome, Policy, decide, lookups
from billing.position import Position
from billing.read_request import Reread, as_read, as_snapshot
from billing.seen import Seen
from billing.stripe_event import parse_event
from billing.subject_rule import parse_subject_rule
from tests.decisions import Memory, checkout_event, ids, sub_event
from tests.stripe_shapes import (
    NOON,
    Json,
    body,
    event,
    invoice,
    subscription,
    thin_event,
    unpaid_invoice,
)

STARTED = "subscription.started:sub_1"


ENDED = "subscription.ended:sub_1"


@pytest.mark.parametrize("status", ["active", "trialing"])
def test_a_subscription_created_active_or_trialing_has_started(status: str) -> None:
    assert ids(Memory().tell(sub_event("created", status))) == [STARTED]


@pytest.mark.parametrize("status", ["incomplete", "past_due", "paused", "something_new"])
def test_any_other_status_proves_no_start(status: str) -> None:
    assert ids(Memory().tell(sub_event("created", status))) == []


def test_the_update_that_first_makes_it_active_starts_it() -> None:
    memory = Memory()
    memory.tell(sub_event("created", "incomplete"))
    first = memory.tell(sub_event("updated", event_id="evt_2", previous={"status": "incomplete"}))
    assert ids(first) == [STARTED, "subscription.updated:evt_2"]
    assert first.facts[1].data["previous_status"] == "incomplete"
    second = memory.tell(sub_event("updated", event_id="evt_3", previous={"metadata": {}}))
    assert ids(second) == ["subscription.updated:evt_3"]


def test_an_update_away_from_active_proves_that_it_had_started() -> None:
    decision = Memory().tell(sub_event("updated", "past_due", previous={"status": "active"}))
    assert ids(decision) == [STARTED, "subscription.updated:evt_1"]


def test_a_resumed_subscription_that_was_never_active_starts() -> None:
    assert ids(Memory().tell(sub_event("resumed"))) == [STARTED]


@pytest.mark.parametrize(
    "kind", ["trial_will_end", "paused", "pending_update_applied", "pending_update_expired"]
)
def test_other_events_change_the_state_and_tell_no_update(kind: str) -> None:
    memory = Memory()
    memory.tell(sub_event("created", "incomplete"))
    decision = memory.tell(sub_event(kind, "past_due", event_id="evt_2", created=NOON + 1))
    assert ids(decision) == []
    assert memory.rows["platform|live|cus_1|sub_1"].status == "past_due"


def test_a_deleted_subscription_has_ended_once() -> None:
    memory = Memory()
    assert ids(memory.tell(sub_event("deleted", "canceled"))) == [ENDED]
    again = memory.tell(sub_event("deleted", "canceled", event_id="evt_2"))
    assert ids(again) == []


def test_an_update_to_canceled_ends_it_too() -> None:
    assert ENDED in ids(Memory().tell(sub_event("updated", "canceled", previous={"status": "active"})))


def test_a_deleted_event_ends_it_whatever_its_object_says() -> None:
    decision = Memory().tell(sub_event("deleted", "unpaid"))
    assert ids(decision) == [ENDED]
    assert decision.facts[0].data["status"] == "canceled"


@pytest.mark.parametrize("kind", ["updated", "deleted"])
def test_an_incomplete_subscription_that_expires_neither_started_nor_ended(kind: str) -> None:
    told = ids(Memory().tell(sub_event(kind, "incomplete_expired")))
    assert STARTED not in told
    assert ENDED not in told


def test_a_created_that_comes_after_the_end_still_starts_it_but_is_stale() -> None:
    memory = Memory()
    memory.tell(sub_event("deleted", "canceled", event_id="evt_9", created=NOON + 60))
    late = memory.tell(sub_event("created"))
    assert late.outcome is Outcome.STALE
    assert ids(late) == [STARTED]
    assert late.facts[0].data["superseded"] is True
    assert memory.rows["platform|live|cus_1|sub_1"].status == "canceled"


def test_a_stale_update_is_told_as_superseded() -> None:
    memory = Memory()
    memory.tell(
        sub_event("updated", "past_due", event_id="evt_9", created=NOON + 60, previous={"status": "active"})
    )
    late = memory.tell(sub_event("updated", event_id="evt_2", previous={"status": "trialing"}))
    assert (late.outcome, ids(late)) == (Outcome.STALE, ["subscription.updated:evt_2"])
    assert late.facts[0].data["superseded"] is True
    assert "past_due" in late.reason


def test_the_same_event_elsewhere_is_a_duplicate_and_changes_nothing() -> None:
    memory = Memory()
    memory.tell(sub_event("created"))
    again = memory.tell(sub_event("created"))
    assert (again.outcome, again.facts, again.remember, again.subscription) == (
        Outcome.DUPLICATE,
        (),
        {},
        None,
    )
    assert "offset 1" in again.reason


def test_the_same_message_again_is_worked_through_again() -> None:
    memory = Memory()
    first = memory.tell(sub_event("created"), offset=7)
    memory.tell(sub_event("updated", "canceled", event_id="evt_2", created=NOON + 9), offset=8)
    again = memory.tell(sub_event("created"), offset=7)
    assert again.outcome is Outcome.REPLAYED
    assert ids(again) == ids(first) == [STARTED]
    assert again.remember == first.remember
    assert again.subscription == memory.rows["platform|live|cus_1|sub_1"]


def test_the_time_of_the_first_sighting_survives_a_replay() -> None:
    parsed = parse_event(body(sub_event("created")))
    here = Position("stripe.events", 0, 7)
    first = decide(parsed, here, NOON, Known({}, None), Policy())
    again = decide(parsed, here, NOON + 999, Known(first.remember, None), Policy())
    assert again.remember == first.remember


def test_an_unknown_type_is_ignored_and_remembered() -> None:
    decision = Memory().tell(event("moon.landed", {"object": "moon"}))
    assert (decision.outcome, decision.facts) == (Outcome.IGNORED, ())
    assert list(decision.remember) == ["platform|live|evt_1"]


def test_a_thin_event_is_rejected_and_says_what_to_configure() -> None:
    decision = Memory().tell(thin_event("v1.invoice.paid", {"id": "in_1", "type": "invoice"}))
    assert (decision.outcome, decision.problem) == (Outcome.REJECTED, "thin_event")
    assert "snapshot events" in decision.reason


def test_a_rejected_message_is_rejected_again_when_it_is_replayed() -> None:
    memory = Memory()
    thin = thin_event("v1.invoice.paid", {"id": "in_1"})
    assert [memory.tell(thin, offset=3).outcome for _ in range(2)] == [Outcome.REJECTED] * 2


@pytest.mark.parametrize(
    ("built", "problem"),
    [
        (event("customer.subscription.updated", invoice()), "wrong_shape"),
        (event("customer.subscription.updated", {"id": "sub_1"}), "wrong_shape"),
        (event("customer.subscription.updated", subscription(customer=None)), "no_customer"),
        (event("invoice.paid", subscription()), "wrong_shape"),
        (event("invoice.paid", {"object": "invoice"}), "wrong_shape"),
        (event("invoice.paid", invoice(customer=None)), "no_customer"),
        (event("checkout.session.completed", invoice()), "wrong_shape"),
        (checkout_event(subscription=None), "wrong_shape"),
        (checkout_event(customer=None), "no_customer"),
    ],
)
def test_what_makes_no_sense_is_rejected_with_its_reason(built: Json, problem: str) -> None:
    decision = Memory().tell(built)
    assert (decision.outcome, decision.problem, decision.facts) == (Outcome.REJECTED, problem, ())
    assert decision.subscription is None


@pytest.mark.parametrize("mode", ["live", "test"])
def test_the_other_modes_events_touch_nothing(mode: Any) -> None:
    memory = Memory(Policy(livemode=mode))
    decision = memory.tell(sub_event("created", livemode=mode != "live"))
    assert (decision.outcome, decision.facts) == (Outcome.IGNORED, ())
    assert memory.rows == {}
    assert ids(memory.tell(sub_event("created", livemode=mode == "live"))) == [STARTED]


def test_the_subscriptions_key_begins_with_the_partitions() -> None:
    keys = lookups(parse_event(body(event("invoice.paid", invoice(), account="acct_1", livemode=False))))
    assert keys.subscription == "acct_1|test|cus_1|sub_1"
    assert keys.seen == ("acct_1|test|evt_1", "acct_1|test|payment.success:in_1")


def test_a_rejected_event_that_is_sent_again_is_decided_on_anew() -> None:
    memory = Memory(Policy(subject=parse_subject_rule("metadata:tenant")))
    created = sub_event("created")
    assert memory.tell(created).outcome is Outcome.REJECTED
    memory.policy = Policy()
    assert ids(memory.tell(created)) == [STARTED]
    assert memory.tell(created).outcome is Outcome.DUPLICATE


def test_that_an_event_was_rejected_survives_the_table() -> None:
    for rejected in (False, True):
        seen = Seen(Position("t", 0, 1), 5, rejected=rejected)
        assert Seen.decode(seen.encode()) == seen


def test_a_thin_event_without_twin_is_told_even_where_it_comes_back_to_its_own_partition() -> None:
    memory = Memory(Policy(reads=frozenset({"live"})))
    thin = thin_event("v1.customer.subscription.past_due", {"id": "sub_1", "type": "subscription"})
    assert memory.tell(thin).outcome is Outcome.DEFERRED
    made = as_snapshot(parse_event(body(thin)), None, subscription(status="past_due"), NOON + 5)
    assert memory.tell(made).outcome is Outcome.APPLIED
    assert memory.tell(thin).outcome is Outcome.DUPLICATE


def test_an_end_that_only_stripes_silence_tells_says_what_was_last_known() -> None:
    memory = Memory()
    memory.tell(sub_event("created"))
    asked = Reread("reread:sub_1:x", "sub_1", "cus_1", None, None, livemode=True, after=NOON, witness="evt_1")
    (told,) = memory.tell(as_read(asked, None, NOON + 9)).facts
    assert (told.id, told.data["status"], told.data["price"]) == (ENDED, "canceled", "price_pro")


@pytest.mark.parametrize(
    ("first", "late", "said"),
    [
        (
            sub_event("deleted", "canceled", event_id="evt_9"),
            sub_event("updated", created=NOON + 60),
            "it says active, but it has ended: evt_9 says canceled",
        ),
        (
            event(
                "customer.subscription.updated",
                subscription(status="active", schedule="sub_sched_1"),
                event_id="evt_9",
                created=NOON + 60,
            ),
            sub_event("updated"),
            "it says active, and so does a later event that differs elsewhere: evt_9",
        ),
        (
            event("invoice.payment_failed", unpaid_invoice(), event_id="evt_9"),
            event("invoice.payment_failed", unpaid_invoice()),
            "was told by the event at offset 1; Stripe counts a try by hand with the attempt before",
        ),
        (
            sub_event("updated", "past_due", event_id="evt_9", created=NOON + 60),
            sub_event("updated"),
            "it says active, but a later event says past_due: evt_9",
        ),
    ],
)
def test_words_say_why_nothing_changes(first: Json, late: Json, said: str) -> None:
    memory = Memory()
    memory.tell(first)
    assert said in memory.tell(late).reason


def test_words_say_what_an_update_changed() -> None:
    before = {"status": "trialing", "latest_invoice": "in_0", "items": {"data": []}}
    reason = Memory().tell(sub_event("updated", previous=before)).reason
    assert reason == "the subscription is active, and was trialing; changed: items, latest_invoice"
    many = {f"field_{number}": None for number in range(8)}
    reason = Memory().tell(sub_event("updated", previous=many)).reason
    assert reason.endswith("field_4, field_5 and 2 more")
