"""What a demo's history consists of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.cli.stripe_events.envelope import Json

Way = Literal["signed", "forged", "stale"]


@dataclass(frozen=True, slots=True)
class Post:
    """One webhook. `way`: signed as Stripe does, with a wrong secret, or with a timestamp of an hour ago."""

    event: Json
    note: str = ""
    way: Way = "signed"
    answer: int = 200


@dataclass(frozen=True, slots=True)
class Told:
    """One fact that both sinks must hold, once. Amounts are in minor units."""

    type: str
    id: str
    amount: int | None
    currency: str | None
    livemode: bool = False
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer: what Stripe says, in the order of arrival, and all that must come of it.

    `told` is written down by hand beside the posts. Nothing computes it, least of all the code that it tests.
    """

    id: str
    story: str
    posts: tuple[Post, ...]
    told: tuple[Told, ...]
