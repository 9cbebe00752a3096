"""What a completed checkout means: it may be the first proof that a subscription has started.

What a start says comes from the subscription, which the session only names. Stripe sends the two at about the
same time, in any order, so a checkout that comes first waits for a moment. Most often the subscription's own
event then proves the start, and the checkout has nothing left to tell. If none comes, it tells what it has.
"""

from __future__ import annotations

from dataclasses import replace

from billing import facts
from billing.checkout import Checkout, read_checkout
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
from billing.names import usable
from billing.read_request import ask
from billing.state import SubscriptionState
from billing.stripe_event import StripeEvent
from billing.subject_rule import REFERENCE
from billing.subscription import STARTED


def decide_checkout(event: StripeEvent, sight: Sight, known: Known, policy: Policy) -> Decision:
    """Decide on checkout.session.completed or checkout.session.async_payment_succeeded."""
    right_kind = event.object.get("object", "checkout.session") == "checkout.session"
    checkout = read_checkout(event.object) if right_kind else None
    if checkout is None:
        return rejected("wrong_shape", f"the object of {event.type} is not a session with id and mode")
    if checkout.mode != "subscription":
        return ignored(f"a checkout of mode {checkout.mode} starts no subscription")
    if checkout.subscription is None:
        return rejected("wrong_shape", f"checkout {checkout.id} of mode subscription names no subscription")
    if checkout.customer is None:
        return rejected("no_customer", f"checkout {checkout.id} names no customer to tell about")
    state = known.subscription or SubscriptionState(
        checkout.subscription, checkout.customer, event.account, event.livemode
    )
    if REFERENCE in policy.subject.fields:
        reference = usable(event.object.get(REFERENCE))
        state = replace(state, remembered=state.remembered.with_reference(reference))
    return _tell(event, checkout, state, sight, policy)


def _tell(
    event: StripeEvent, checkout: Checkout, state: SubscriptionState, sight: Sight, policy: Policy
) -> Decision:
    decision = _start(event, checkout, state)
    if not decision.facts:
        return decision
    subject = subject_for(event, state.customer, state, policy.subject, own=REFERENCE)
    if isinstance(subject, Missing):
        return without_subject(event, subject, sight, state, policy)
    if _too_early(state, sight, policy):
        return _wait(event, checkout, state, sight, policy)
    return replace(decision, facts=tuple(replace(fact, subject=subject) for fact in decision.facts))


def _start(event: StripeEvent, checkout: Checkout, state: SubscriptionState) -> Decision:
    if not (checkout.settled or _paid_later(event)):
        reason = f"the checkout is complete, but its payment is {checkout.payment_status}"
        return Decision(Outcome.APPLIED, reason, subscription=state)
    paid = _paid(event, checkout)
    if state.started_by not in (None, event.id):
        reason = f"the checkout is {paid}; {state.started_by} already told that the subscription started"
        return Decision(Outcome.APPLIED, reason, subscription=state)
    current = state.current
    superseded = current is not None and current.terminal
    fact = facts.started_by_checkout(event, checkout, current, state.customer, superseded=superseded)
    return Decision(
        Outcome.APPLIED,
        f"the checkout is {paid}: the subscription has started",
        (fact,),
        subscription=replace(state, started_by=event.id),
    )


def _too_early(state: SubscriptionState, sight: Sight, policy: Policy) -> bool:
    waiting = state.started_by is None and state.status not in STARTED
    return waiting and sight.waited < policy.checkout_patience


def _wait(
    event: StripeEvent, checkout: Checkout, state: SubscriptionState, sight: Sight, policy: Policy
) -> Decision:
    reason = (
        f"the checkout is {_paid(event, checkout)}; it waits up to {policy.checkout_patience} s for the "
        "subscription to be seen active, so that its plan and price can be told"
    )
    asked = None
    if sight.waiting_since is None and policy.can_read(event):
        # Once is enough: the answer is an event that proves the start itself, however late it comes. A
        # subscription this new that cannot be read has not ended, so there is no witness.
        asked = ask(event, state.id, state.customer, doubt=checkout.id, after=event.created, witness=None)
    if asked is not None:
        reason += ", and Stripe is asked"
    return Decision(Outcome.DEFERRED, reason, subscription=state, read=asked, wait=True)


def _paid(event: StripeEvent, checkout: Checkout) -> str:
    """Return what to call it: a trial's checkout has nothing to pay, and an old one does not say."""
    return "paid" if _paid_later(event) or checkout.payment_status == "paid" else "complete"


def _paid_later(event: StripeEvent) -> bool:
    return event.type == "checkout.session.async_payment_succeeded"
