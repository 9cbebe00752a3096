"""Decisions without Kafka: the two tables as dictionaries, and what a decision tells."""

from __future__ import annotations

from typing import Any

from billing.decide import Decision, Known, Policy, decide, lookups
from billing.position import Position
from billing.seen import Seen
from billing.state import SubscriptionState
from billing.stripe_event import parse_event
from tests.stripe_shapes import NOON, Json, body, checkout_session, event, subscription


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


def checkout_event(kind: str = "completed", event_id: str = "evt_c", **changes: Any) -> Json:
    return event(f"checkout.session.{kind}", checkout_session(**changes), event_id=event_id)
