"""The pure core, run over a customer's posts in a dictionary of tables."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from app.cli.demo.poster import Answered
from billing.decide import Decision, Known, Policy, decide, lookups
from billing.position import Position
from billing.seen import Seen
from billing.state import SubscriptionState
from billing.stripe_event import parse_event


def replay(answers: Sequence[Answered], now: int) -> list[Decision | None]:
    """Return one customer's decisions in the order of the posts; None for what the ingress refused."""
    seen: dict[str, Seen] = {}
    subscriptions: dict[str, SubscriptionState] = {}
    decisions: list[Decision | None] = []
    for offset, answered in enumerate(answers):
        if not answered.answer.accepted:
            decisions.append(None)
            continue
        event = parse_event(orjson.dumps(answered.post.event))
        wanted = lookups(event)
        known = Known(
            {key: seen[key] for key in wanted.seen if key in seen},
            subscriptions.get(wanted.subscription or ""),
        )
        decision = decide(event, Position("stripe.events", 0, offset), now, known, Policy())
        seen.update(decision.remember)
        if wanted.subscription is not None and decision.subscription is not None:
            subscriptions[wanted.subscription] = decision.subscription
        decisions.append(decision)
    return decisions
