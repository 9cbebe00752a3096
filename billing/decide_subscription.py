"""What a customer.subscription.* event means.

started: by the first event that shows the subscription active or trialing, or that it was (an update away
from these); never by an incomplete one. ended: by the first event that shows it canceled. Whether it had
started does not matter for that: the question would be answered by the order of arrival, and a receiver that
closes an account twice or in vain does no harm, one that leaves it open does. An incomplete_expired
subscription has, by Stripe's rules, never been active: it neither starts nor ends.
"""

from __future__ import annotations

from dataclasses import replace

from billing import facts
from billing.decision import Decision, Known, Outcome, Policy, rejected
from billing.order import fold, latest, snapshot
from billing.seen import Seen
from billing.state import SubscriptionState
from billing.stripe_event import StripeEvent
from billing.subscription import STARTED, Subscription, read_subscription


def decide_subscription(event: StripeEvent, _seen: Seen, known: Known, _policy: Policy) -> Decision:
    """Decide on an event whose object is a subscription."""
    reading = _read(event)
    if reading is None:
        return rejected("wrong_shape", f"the object of {event.type} is not a subscription with id and status")
    if reading.customer is None:
        return rejected("no_customer", f"subscription {reading.id} names no customer to tell about")
    customer = reading.customer
    state = known.subscription or SubscriptionState(reading.id, customer, event.account, event.livemode)
    own = snapshot(event, reading)
    frontier = fold(state.frontier, own)
    last = latest(frontier)
    stale = last is not None and last.after != own.after
    started_by, ended_by = state.started_by, state.ended_by
    told = []
    if _proves_started(event, reading) and started_by in (None, event.id):
        started_by = event.id
        told.append(facts.started(event, reading, customer, superseded=stale))
    if event.type == "customer.subscription.updated":
        told.append(facts.updated(event, reading, customer, superseded=stale))
    if reading.status == "canceled" and ended_by in (None, event.id):
        ended_by = event.id
        told.append(facts.ended(event, reading, customer, superseded=stale))
    return Decision(
        Outcome.STALE if stale else Outcome.APPLIED,
        _reason(reading, last.status if last else None, stale=stale),
        tuple(told),
        subscription=replace(state, frontier=frontier, started_by=started_by, ended_by=ended_by),
    )


def _read(event: StripeEvent) -> Subscription | None:
    if event.object.get("object", "subscription") != "subscription":
        return None
    reading = read_subscription(event.object)
    if reading is not None and event.type == "customer.subscription.deleted" and not reading.terminal:
        # The event says that it is gone, whatever the object says.
        return replace(reading, status="canceled")
    return reading


def _proves_started(event: StripeEvent, reading: Subscription) -> bool:
    # Stripe's own `status` may be any JSON value here; only a string can be in the set without raising.
    previous = event.previous_attributes.get("status")
    return reading.status in STARTED or (isinstance(previous, str) and previous in STARTED)


def _reason(reading: Subscription, status: str | None, *, stale: bool) -> str:
    if stale:
        return f"it says {reading.status}, but a later state is known: {status}"
    return f"the subscription is {reading.status}"
