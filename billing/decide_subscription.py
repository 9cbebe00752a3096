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
from billing.decision import (
    Decision,
    Known,
    Missing,
    Outcome,
    Policy,
    Sight,
    rejected,
    subject_for,
    without_subject,
)
from billing.event_types import SUBSCRIPTION_GONE
from billing.names import wanted
from billing.order import Frontier, Snapshot, earlier, fold, latest, snapshot, undecided
from billing.read_request import REREAD, Reread, ask
from billing.shape import MAX_TEXT
from billing.state import SubscriptionState
from billing.stripe_event import StripeEvent
from billing.subject_rule import METADATA
from billing.subscription import STARTED, Subscription, read_subscription

_NAMES = 6
_NAME = 40
"""Fields that a reason names at most, and characters of each: Stripe's longest has 31."""


def decide_subscription(event: StripeEvent, sight: Sight, known: Known, policy: Policy) -> Decision:
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
    state = _remember(replace(state, frontier=frontier), event, own, policy)
    last = latest(frontier)
    stale = last is not None and last.after != own.after
    started_by, ended_by = state.started_by, state.ended_by
    told = []
    if _proves_started(event, reading) and started_by in (None, event.id):
        started_by = event.id
        told.append(facts.started(event, _as_started(event, reading), customer, superseded=stale))
    if event.type == "customer.subscription.updated":
        told.append(facts.updated(event, reading, customer, superseded=stale))
    if reading.status == "canceled" and ended_by in (None, event.id):
        ended_by = event.id
        told.append(facts.ended(event, _as_ended(event, reading, known), customer, superseded=stale))
    asked = _question(reading.id, customer, event, own, frontier) if policy.can_read(event) else None
    reason = _reason(event, reading, last or own, stale=stale)
    if asked is not None:
        reason += "; the events of this second do not say which is the last, so Stripe is asked"
    if told:
        from_others = event.type == SUBSCRIPTION_GONE
        rule = policy.subject
        subject = subject_for(event, customer, state, rule, own="" if from_others else METADATA)
        if isinstance(subject, Missing):
            return replace(without_subject(event, subject, sight, state, policy), read=asked)
        told = [replace(fact, subject=subject) for fact in told]
    return Decision(
        Outcome.STALE if stale else Outcome.APPLIED,
        reason,
        tuple(told),
        subscription=replace(state, started_by=started_by, ended_by=ended_by),
        read=asked,
    )


def _remember(
    state: SubscriptionState, event: StripeEvent, own: Snapshot, policy: Policy
) -> SubscriptionState:
    if not policy.subject.metadata_keys or event.type == SUBSCRIPTION_GONE:
        return state
    metadata = wanted(event.object.get("metadata"), policy.subject)
    return replace(state, remembered=state.remembered.with_metadata(metadata, own.created, own.event))


def _question(
    subscription: str, customer: str, event: StripeEvent, own: Snapshot, frontier: Frontier
) -> Reread | None:
    """Return what to ask Stripe; None when the order is clear, or the event has no part in the doubt."""
    if own.rank != frontier[0].rank:
        return None
    doubt = undecided(frontier)
    witness = next((one.event for one in frontier if not one.event.startswith(REREAD)), None)
    if doubt is None or witness is None:
        return None
    return ask(event, subscription, customer, doubt=doubt, after=own.created, witness=witness)


def _read(event: StripeEvent) -> Subscription | None:
    if event.object.get("object", "subscription") != "subscription":
        return None
    reading = read_subscription(event.object)
    gone = event.type in ("customer.subscription.deleted", SUBSCRIPTION_GONE)
    if reading is not None and gone and not reading.terminal:
        # The event says that it is gone, whatever the object says.
        return replace(reading, status="canceled")
    return reading


def _proves_started(event: StripeEvent, reading: Subscription) -> bool:
    # Stripe's own `status` may be any JSON value here; only a string can be in the set without raising.
    previous = event.previous_attributes.get("status")
    return reading.status in STARTED or (isinstance(previous, str) and previous in STARTED)


def _as_started(event: StripeEvent, reading: Subscription) -> Subscription:
    """Return the subscription as it was when it had started, as far back as `event` tells.

    So an update that changes the plan, or ends the trial, tells the same start as the event before it.
    """
    was = earlier(event)
    return reading if was is None or was.status not in STARTED else was


def _as_ended(event: StripeEvent, reading: Subscription, known: Known) -> Subscription:
    """Return what is known of a subscription of which Stripe itself knows nothing any more."""
    last = known.subscription.current if known.subscription else None
    if event.type != SUBSCRIPTION_GONE or last is None:
        return reading
    return replace(last, status=reading.status)


def _reason(event: StripeEvent, reading: Subscription, last: Snapshot, *, stale: bool) -> str:
    if not stale:
        return f"the subscription is {reading.status}{_change(event, reading)}"
    if last.status == reading.status:
        return f"it says {reading.status}, and so does a later event that differs elsewhere: {last.event}"
    if last.terminal:
        return f"it says {reading.status}, but it has ended: {last.event} says {last.status}"
    return f"it says {reading.status}, but a later event says {last.status}: {last.event}"


def _change(event: StripeEvent, reading: Subscription) -> str:
    """Return in words what an update changed: names of Stripe's fields, no values but the status."""
    said = ""
    before = event.previous_attributes.get("status")
    if isinstance(before, str) and before != reading.status:
        said = f", and was {before[:MAX_TEXT]}"
    names = sorted(name for name in event.previous_attributes if name != "status")
    if names:
        said += f"; changed: {', '.join(name[:_NAME] for name in names[:_NAMES])}"
    return said + (f" and {len(names) - _NAMES} more" if len(names) > _NAMES else "")
