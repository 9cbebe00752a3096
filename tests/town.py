"""Many customers' histories at once, the same for the same seed: what the road is driven with."""

from __future__ import annotations

import random

from tests import stripe_shapes as shapes
from tests.stripe_model import ACTIONS, BEGINNINGS, History, Life


def town(seed: int, customers: int, steps: int = 8) -> History:
    """Histories of `customers` customers, mingled as they would arrive: each in order, together not."""
    dice = random.Random(seed)  # noqa: S311 - the same town for the same seed
    lives: list[History] = []
    for number in range(customers):
        life = Life(
            f"{seed}x{number}",
            customer=f"cus_{seed}x{number}",
            account=dice.choice((None, None, "acct_1")),
            livemode=dice.random() < 0.8,
        )
        life.subscribe(dice.choice(BEGINNINGS))
        for _ in range(steps):
            life.now += dice.choice((0, 1, 3600))
            ACTIONS[dice.choice(tuple(ACTIONS))](life)
        lives.append(life.history)
    whole = History()
    for life_history in lives:
        whole.facts |= life_history.facts
        whole.truth |= life_history.truth
    queues = [list(one.events) for one in lives if one.events]
    while queues:
        queue = dice.choice(queues)
        whole.events.append(queue.pop(0))
        queues = [left for left in queues if left]
    return whole


def bodies(history: History) -> list[bytes]:
    """The events as Stripe posts them."""
    return [shapes.body(event) for event in history.events]
