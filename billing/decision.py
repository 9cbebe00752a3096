"""What a decision is: what it needs to know, what it says, and what is to be remembered of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from billing.facts import Fact
from billing.seen import Seen
from billing.state import SubscriptionState

Problem = Literal["thin_event", "wrong_shape", "no_customer"]


class Outcome(StrEnum):
    """What became of an event."""

    APPLIED = "applied"
    """It is part of what is known now."""
    DUPLICATE = "duplicate"
    """The same event came before, at another position; nothing is told and nothing changes."""
    REPLAYED = "replayed"
    """The same message came again, after a crash; it is worked through again."""
    STALE = "stale"
    """A later state was known already; its facts are told, marked as superseded."""
    IGNORED = "ignored"
    """It means nothing for a subscription; it is kept in stripe.events."""
    REJECTED = "rejected"
    """It should mean something, but what it says makes no sense; a person has to look."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a deployment wants told. `livemode` other than both ignores the other mode's events."""

    livemode: Literal["both", "live", "test"] = "both"
    tell_zero_payments: bool = True


@dataclass(frozen=True, slots=True)
class Lookups:
    """The table keys that a decision needs. `subscription` begins with the event's partition key."""

    seen: tuple[str, ...]
    subscription: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """What the tables hold under the keys of `Lookups`; a missing key is just missing."""

    seen: Mapping[str, Seen]
    subscription: SubscriptionState | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about an event: write `remember` and `subscription`, send `facts`, in any order.

    `reason` says why, in words. `problem` is a bounded label when the outcome is rejected. `subscription` is
    None when no record is to be written; otherwise it is written even if it is equal to the one that was
    read, for after a crash the local table may hold what its changelog lacks.
    """

    outcome: Outcome
    reason: str
    facts: tuple[Fact, ...] = ()
    remember: Mapping[str, Seen] = field(default_factory=dict)
    subscription: SubscriptionState | None = None
    problem: Problem | None = None


def ignored(reason: str) -> Decision:
    """Return a decision that does nothing."""
    return Decision(Outcome.IGNORED, reason)


def rejected(problem: Problem, reason: str) -> Decision:
    """Return a decision that gives the event to a person."""
    return Decision(Outcome.REJECTED, reason, problem=problem)
