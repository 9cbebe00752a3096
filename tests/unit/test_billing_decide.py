"""What each event means, and that it is said once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import pytest

from billing.decide import Decision, Known, Outcome, Policy, decide, lookups
from billing.position import Position
from billing.read_request import Reread, as_read, as_snapshot
from billing.seen import Seen
from billing.state import SubscriptionState
from billing.stripe_event import parse_event
from billing.subject_rule import parse_subject_rule
from tests.stripe_model import BEGINNINGS, Life
from tests.stripe_shapes import (
    NOON,
    Json,
    before_items,
    body,
    checkout_session,
    event,
    invoice,
    subscription,
    thin_event,
    unpaid_invoice,
)


class Memory:
    """The two tables, as dictionaries; each event comes at the next offset."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self.seen: dict[str, Seen] = {}
        self.rows: dict[str, SubscriptionState] = {}
        self.offset = 0

    def tell(self, built: Json, *, offset: int | None = None, waited: int | None = None) -> Decision:
        """`waited` is for how many seconds the event was put off, if it was."""
        if offset is None:
            offset = self.offset = self.offset + 1
        parsed = parse_event(body(built))
        keys = lookups(parsed)
        known = Known(self.seen, self.rows.get(keys.subscription or ""))
        where = Position("stripe.events", 0, offset)
        since = None if waited is None else NOON - waited
        decision = decide(parsed, where, NOON, known, self.policy, waiting_since=since)
        self.seen |= decision.remember
        if decision.subscription is not None:
            assert keys.subscription is not None
            self.rows[keys.subscription] = decision.subscription
        return decision


def ids(decision: Decision) -> list[str]:
    return [fact.id for fact in decision.facts]


def sub_event(kind: str, status: str = "active", event_id: str = "evt_1", **more: Any) -> Json:
    return event(f"customer.subscription.{kind}", subscription(status=status), event_id=event_id, **more)


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


def checkout_event(kind: str = "completed", event_id: str = "evt_c", **changes: Any) -> Json:
    return event(f"checkout.session.{kind}", checkout_session(**changes), event_id=event_id)


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


@pytest.mark.parametrize("kinds", [("paid",), ("payment_succeeded",), ("paid", "payment_succeeded")])
def test_a_payment_succeeds_once_whichever_events_say_so(kinds: tuple[str, ...]) -> None:
    memory = Memory()
    told = [ids(memory.tell(event(f"invoice.{kind}", invoice(), event_id=f"evt_{kind}"))) for kind in kinds]
    assert told == [["payment.success:in_1"], *([[]] * (len(kinds) - 1))]


def test_a_payment_says_what_was_paid_and_for_what() -> None:
    (fact,) = Memory().tell(event("invoice.paid", invoice(), created=NOON + 60)).facts
    assert fact.time == NOON
    assert fact.subject == "cus_1"
    expected = {
        "amount": 2900,
        "currency": "usd",
        "billing_reason": "subscription_cycle",
        "subscription": "sub_1",
        "invoice": "in_1",
        "price": "price_pro",
        "plan": "price_pro",
        "product": "prod_seat",
        "attempt": 1,
        "zero_amount": False,
        "period_end": "2026-11-28T12:00:00Z",
    }
    assert {name: fact.data[name] for name in expected} == expected


def test_each_failed_attempt_is_told_once_and_then_the_payment() -> None:
    memory = Memory()
    told = [
        ids(memory.tell(event("invoice.payment_failed", unpaid_invoice(attempt=n), event_id=f"evt_{i}")))
        for i, n in enumerate((1, 2, 2))
    ]
    assert told == [["payment.failed:in_1:1"], ["payment.failed:in_1:2"], []]
    assert ids(memory.tell(event("invoice.paid", invoice(), event_id="evt_p"))) == ["payment.success:in_1"]


def test_a_failed_payment_says_what_is_still_due() -> None:
    (fact,) = Memory().tell(event("invoice.payment_failed", unpaid_invoice())).facts
    assert (fact.data["amount"], fact.data["next_attempt"]) == (2900, "2026-11-01T12:00:00Z")


def test_a_failed_payment_without_attempt_count_is_told_by_its_event() -> None:
    unnumbered = unpaid_invoice()
    del unnumbered["attempt_count"]
    assert ids(Memory().tell(event("invoice.payment_failed", unnumbered))) == ["payment.failed:in_1:evt_1"]


def test_a_payment_without_subscription_is_the_customers() -> None:
    memory = Memory()
    decision = memory.tell(event("invoice.paid", invoice(subscription_id=None)))
    assert ids(decision) == ["payment.success:in_1"]
    assert decision.facts[0].data["subscription"] is None
    assert memory.rows == {}


def test_a_payment_of_nothing_is_marked_and_can_be_left_out() -> None:
    nothing = event("invoice.paid", invoice(amount_paid=0, amount_due=0, total=0))
    (fact,) = Memory().tell(nothing).facts
    assert fact.data["zero_amount"] is True
    assert Memory(Policy(tell_zero_payments=False)).tell(nothing).facts == ()


def test_the_last_payment_is_kept_with_the_subscription_in_any_order() -> None:
    failed = event("invoice.payment_failed", unpaid_invoice(), event_id="evt_f", created=NOON)
    paid = event("invoice.paid", invoice(), event_id="evt_p", created=NOON)
    for first, second in ((failed, paid), (paid, failed)):
        memory = Memory()
        memory.tell(first)
        memory.tell(second)
        payment = memory.rows["platform|live|cus_1|sub_1"].payment
        assert payment is not None
        assert (payment.paid, payment.invoice) == (True, "in_1")


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


def test_an_invoice_of_before_amount_paid_says_what_was_paid() -> None:
    old = before_items(invoice())
    del old["amount_paid"], old["amount_remaining"]
    (told,) = Memory().tell(event("invoice.payment_succeeded", old)).facts
    assert (told.data["amount"], told.data["zero_amount"]) == (2900, False)


def test_an_invoice_paid_outside_stripe_is_not_one_of_nothing() -> None:
    memory = Memory(Policy(tell_zero_payments=False))
    outside = invoice(amount_paid=0, amount_remaining=2900)
    (told,) = memory.tell(event("invoice.paid", outside)).facts
    assert (told.data["amount"], told.data["zero_amount"]) == (0, False)
    older = invoice("in_2", amount_paid=0, amount_remaining=2900, paid_out_of_band=True)
    (told,) = memory.tell(event("invoice.paid", older, event_id="evt_2")).facts
    assert (told.data["amount"], told.data["zero_amount"]) == (2900, False)


def test_an_invoice_paid_in_part_is_told_when_all_of_it_is() -> None:
    memory = Memory()
    partly = invoice(status="open", amount_paid=1000, amount_remaining=1900)
    assert memory.tell(event("invoice.payment_succeeded", partly)).outcome is Outcome.IGNORED
    (told,) = memory.tell(event("invoice.paid", invoice(), event_id="evt_2")).facts
    assert told.data["amount"] == 2900


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


def test_an_attempt_without_a_number_is_not_called_none() -> None:
    unnumbered = unpaid_invoice()
    del unnumbered["attempt_count"]
    decision = Memory().tell(event("invoice.payment_failed", unnumbered))
    assert decision.reason == "an attempt to pay invoice in_1 failed"


def test_a_checkout_with_nothing_to_pay_is_not_called_paid() -> None:
    session = checkout_session(payment_status="no_payment_required")
    reason = Memory().tell(event("checkout.session.completed", session)).reason
    assert reason.startswith("the checkout is complete")


def test_words_say_what_an_update_changed() -> None:
    before = {"status": "trialing", "latest_invoice": "in_0", "items": {"data": []}}
    reason = Memory().tell(sub_event("updated", previous=before)).reason
    assert reason == "the subscription is active, and was trialing; changed: items, latest_invoice"
    many = {f"field_{number}": None for number in range(8)}
    reason = Memory().tell(sub_event("updated", previous=many)).reason
    assert reason.endswith("field_4, field_5 and 2 more")
