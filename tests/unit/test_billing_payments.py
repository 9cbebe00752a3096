"""What an invoice's events mean: each payment once, each failed attempt once."""

from __future__ import annotations

import pytest

from billing.decide import Outcome, Policy
from tests.decisions import Memory, ids
from tests.stripe_shapes import (
    NOON,
    before_items,
    event,
    invoice,
    unpaid_invoice,
)


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


def test_an_attempt_without_a_number_is_not_called_none() -> None:
    unnumbered = unpaid_invoice()
    del unnumbered["attempt_count"]
    decision = Memory().tell(event("invoice.payment_failed", unnumbered))
    assert decision.reason == "an attempt to pay invoice in_1 failed"
