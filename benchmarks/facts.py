"""How many facts a list of events makes, by the pure rules alone: what the sinks must hold in the end."""

from __future__ import annotations

from collections.abc import Iterable

from billing.decide import Known, Policy, decide, lookups
from billing.position import Position
from billing.seen import Seen
from billing.state import SubscriptionState
from billing.stripe_event import parse_event


def count_facts(bodies: Iterable[bytes]) -> int:
    """Return the number of distinct facts. The order of `bodies` does not change it."""
    policy = Policy(livemode="both", tell_zero_payments=True)
    seen: dict[str, Seen] = {}
    subscriptions: dict[str, SubscriptionState] = {}
    facts: set[str] = set()
    for offset, body in enumerate(bodies):
        event = parse_event(body)
        wanted = lookups(event)
        known = Known(
            seen={key: seen[key] for key in wanted.seen if key in seen},
            subscription=subscriptions.get(wanted.subscription) if wanted.subscription else None,
        )
        decision = decide(event, Position("events", 0, offset), event.created, known, policy)
        seen.update(decision.remember)
        if wanted.subscription is not None and decision.subscription is not None:
            subscriptions[wanted.subscription] = decision.subscription
        facts.update(fact.key for fact in decision.facts)
    return len(facts)
