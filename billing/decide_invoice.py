"""What an invoice's payment events mean.

An invoice is paid once, whether Stripe says invoice.paid, invoice.payment_succeeded or both: the first of
them tells, and its position is remembered under the fact's key. An attempt fails once. Failed, then paid is
normal.
"""

from __future__ import annotations

from dataclasses import replace

from billing import facts
from billing.decision import (
    Decision,
    Known,
    Missing,
    Outcome,
    Policy,
    Sight,
    ignored,
    rejected,
    subject_for,
    without_subject,
)
from billing.invoice import Invoice, read_invoice
from billing.seen import Seen
from billing.shape import identifier, integer
from billing.state import Payment, SubscriptionState
from billing.stripe_event import StripeEvent

_FAILED = "invoice.payment_failed"


def invoice_fact_key(event: StripeEvent) -> str | None:
    """Return the seen table's key of the fact that an invoice event tells; None without an invoice."""
    invoice = identifier(event.object.get("id"))
    if invoice is None:
        return None
    attempt = integer(event.object.get("attempt_count"))
    return f"{event.scope}|{facts.payment_fact_id(event, invoice, attempt)}"


def decide_invoice(event: StripeEvent, sight: Sight, known: Known, policy: Policy) -> Decision:
    """Decide on invoice.paid, invoice.payment_succeeded or invoice.payment_failed."""
    invoice = read_invoice(event.object) if event.object.get("object", "invoice") == "invoice" else None
    if invoice is None:
        return rejected("wrong_shape", f"the object of {event.type} is not an invoice with an id")
    if invoice.customer is None:
        return rejected("no_customer", f"invoice {invoice.id} names no customer to tell about")
    if event.type != _FAILED and invoice.partly_paid:
        return ignored(f"invoice {invoice.id} is paid in part; it is told when all of it is")
    said = facts.payment_failed if event.type == _FAILED else facts.payment_success
    return _tell(event, invoice, said(event, invoice, invoice.customer), sight, known, policy=policy)


def _tell(
    event: StripeEvent, invoice: Invoice, fact: facts.Fact, sight: Sight, known: Known, *, policy: Policy
) -> Decision:
    state = _state(event, invoice, fact, known)
    if fact.data["zero_amount"] and not policy.tell_zero_payments:
        reason = f"nothing was to be paid for invoice {invoice.id}, and such payments are not told here"
        return Decision(Outcome.APPLIED, reason, subscription=state)
    told = known.seen.get(fact.key)
    if told is not None and told.position != sight.seen.position:
        return Decision(Outcome.APPLIED, _told_before(event, fact, told), subscription=state)
    subject = subject_for(event, fact.subject, state, policy.subject)
    if isinstance(subject, Missing):
        return without_subject(event, subject, sight, state, policy)
    return Decision(
        Outcome.APPLIED,
        _reason(event, invoice),
        (replace(fact, subject=subject),),
        {fact.key: told or sight.seen},
        subscription=state,
    )


def _state(event: StripeEvent, invoice: Invoice, fact: facts.Fact, known: Known) -> SubscriptionState | None:
    if invoice.subscription is None:
        return None
    state = known.subscription or SubscriptionState(
        invoice.subscription, fact.subject, event.account, event.livemode
    )
    return state.with_payment(_payment(event, invoice, fact))


def _payment(event: StripeEvent, invoice: Invoice, fact: facts.Fact) -> Payment:
    return Payment(
        at=event.created,
        paid=event.type != _FAILED,
        attempt=invoice.attempt or 0,
        invoice=invoice.id,
        amount=fact.data["amount"],
        currency=invoice.currency,
        billing_reason=invoice.billing_reason,
        event=event.id,
    )


def _told_before(event: StripeEvent, fact: facts.Fact, told: Seen) -> str:
    reason = f"{fact.id} was told by the event at offset {told.position.offset}"
    if event.type == _FAILED:
        reason += "; Stripe counts a try by hand with the attempt before"
    return reason


def _reason(event: StripeEvent, invoice: Invoice) -> str:
    if event.type == _FAILED:
        which = "an attempt" if invoice.attempt is None else f"attempt {invoice.attempt}"
        return f"{which} to pay invoice {invoice.id} failed"
    return f"invoice {invoice.id} is paid"
