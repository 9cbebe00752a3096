"""What an event means, given what is known: its facts, and what to remember. Pure, and never raises.

The decision is replay-stable: for every state that already holds an event's effect, and any later ones',
deciding the event again at the same position gives facts with the same ids. That is why `started_by` and
`ended_by` name the event that made a fact, and why an invoice's fact is remembered, under its own key, with
the position of the event that told it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from billing.decide_checkout import decide_checkout
from billing.decide_invoice import decide_invoice, invoice_fact_key
from billing.decide_subscription import decide_subscription
from billing.decision import Decision, Known, Lookups, Mode, Outcome, Policy, Sight, ignored, rejected
from billing.event_types import CHECKOUT_TYPES, HANDLED, INVOICE_TYPES, SUBSCRIPTION_TYPES
from billing.invoice import subscription_of_invoice
from billing.partition_key import customer_of
from billing.position import Position
from billing.read_request import twin_type
from billing.seen import Seen, Sighting, sighting
from billing.shape import identifier
from billing.stripe_event import StripeEvent

__all__ = ["HANDLED", "Decision", "Known", "Lookups", "Outcome", "Policy", "decide", "lookups"]


def lookups(event: StripeEvent) -> Lookups:
    """Return the keys of the seen table and the subscriptions table that `decide` needs to know."""
    own = _own_key(event)
    if event.thin or event.type not in HANDLED:
        return Lookups((own,), None)
    found = event.object
    customer = customer_of(found)
    if event.type in SUBSCRIPTION_TYPES:
        return Lookups((own,), _subscription_key(event, customer, identifier(found.get("id"))))
    if event.type in CHECKOUT_TYPES:
        return Lookups((own,), _subscription_key(event, customer, identifier(found.get("subscription"))))
    fact = invoice_fact_key(event)
    keys = (own,) if fact is None else (own, fact)
    return Lookups(keys, _subscription_key(event, customer, subscription_of_invoice(found)))


def decide(
    event: StripeEvent,
    position: Position,
    at: int,
    known: Known,
    policy: Policy,
    *,
    waiting_since: int | None = None,
) -> Decision:
    """Decide what `event`, read at `position`, means. `at` is now, in seconds since the Unix epoch.

    `waiting_since` is set when an event comes again that was put off: the same event at another position,
    and no duplicate.
    """
    own = _own_key(event)
    before = known.seen.get(own)
    sighted = sighting(before, position)
    if sighted is Sighting.DUPLICATE and before is not None and waiting_since is None:
        where = before.position
        return Decision(
            Outcome.DUPLICATE,
            f"the same event came before, at offset {where.offset} of {where.topic}/{where.partition}",
        )
    # Sent again after it was rejected, it belongs where it is now, not where it was in vain.
    seen = Seen(position, at) if sighted is Sighting.FIRST or before is None else before
    decision = _rule(event, Sight(seen, at, waiting_since), known, policy)
    outcome, reason = decision.outcome, decision.reason
    # Rejected and ignored stay what they are: a rejected message must reach the dead letters again.
    if sighted is Sighting.REPLAY and outcome in (Outcome.APPLIED, Outcome.STALE):
        outcome, reason = Outcome.REPLAYED, f"the same message once more: {reason}"
    if decision.read == "thin":
        # What is read in its place may come back under its id. Sent again, it is read again.
        return replace(decision, outcome=outcome, reason=reason)
    if seen.rejected != (outcome is Outcome.REJECTED):
        seen = replace(seen, rejected=not seen.rejected)
    remember = {own: seen, **decision.remember}
    return replace(decision, outcome=outcome, reason=reason, remember=remember)


def _rule(event: StripeEvent, sight: Sight, known: Known, policy: Policy) -> Decision:
    mode: Mode = "live" if event.livemode else "test"
    if policy.livemode not in ("both", mode):
        return ignored(f"a {mode}-mode event, and only {policy.livemode} mode is told here")
    rule = _RULES.get(twin_type(event))
    if rule is None:
        return ignored(f"nothing is told of {event.type}")
    if event.thin:
        return _thin(event, mode, policy)
    return rule(event, sight, known, policy)


def _thin(event: StripeEvent, mode: Mode, policy: Policy) -> Decision:
    what = f"{event.type} is a thin event: it names an object and does not hold it"
    if mode in policy.reads:
        return Decision(Outcome.DEFERRED, f"{what}; it is read from Stripe", read="thin")
    return rejected(
        "thin_event",
        f"{what}; set STRIPE_API_KEY to a {mode}-mode key that may read events, subscriptions, invoices and "
        "checkout sessions, or configure Stripe's event destination to send snapshot events",
    )


def _own_key(event: StripeEvent) -> str:
    return f"{event.scope}|{event.id}"


def _subscription_key(event: StripeEvent, customer: str | None, subscription: str | None) -> str | None:
    if customer is None or subscription is None:
        return None
    return f"{event.scope}|{customer}|{subscription}"


_Rule = Callable[[StripeEvent, Sight, Known, Policy], Decision]
_RULES: dict[str, _Rule] = {
    **dict.fromkeys(SUBSCRIPTION_TYPES, decide_subscription),
    **dict.fromkeys(INVOICE_TYPES, decide_invoice),
    **dict.fromkeys(CHECKOUT_TYPES, decide_checkout),
}
