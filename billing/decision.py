"""What a decision is: what it needs to know, what it says, and what is to be remembered of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from billing.facts import Fact
from billing.names import names_of
from billing.read_request import Reread
from billing.seen import Seen
from billing.state import SubscriptionState
from billing.stripe_event import StripeEvent
from billing.subject_rule import CUSTOMER, SubjectRule

Mode = Literal["live", "test"]
Problem = Literal["thin_event", "wrong_shape", "no_customer", "no_subject"]


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
    DEFERRED = "deferred"
    """It comes again: it has to be read from Stripe, or what another event brings is not known yet."""
    REJECTED = "rejected"
    """It should mean something, but what it says makes no sense; a person has to look."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a deployment wants told. `livemode` other than both ignores the other mode's events.

    `patience` is the number of seconds for which an event waits until its subject is known,
    `checkout_patience` that for which a paid checkout waits until its subscription is. `reads` are the modes
    that can be read from Stripe: those that an API key is configured for.
    """

    livemode: Literal["both", "live", "test"] = "both"
    tell_zero_payments: bool = True
    subject: SubjectRule = CUSTOMER
    patience: int = 300
    checkout_patience: int = 5
    reads: frozenset[Mode] = frozenset()

    def can_read(self, event: StripeEvent) -> bool:
        """Say whether Stripe can be asked about what `event` is about."""
        return ("live" if event.livemode else "test") in self.reads


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
    read: Reread | Literal["thin"] | None = None
    """What is to be read from Stripe: the object of this thin event, or a subscription."""
    wait: bool = False
    """Whether the event is to come again in a while."""


@dataclass(frozen=True, slots=True)
class Sight:
    """How an event stands before us. `seen` is its first sighting.

    `at` is now, `waiting_since` when it was first put off; both in seconds since the Unix epoch.
    """

    seen: Seen
    at: int
    waiting_since: int | None

    @property
    def waited(self) -> int:
        """Seconds since it was first put off; 0 when it never was."""
        return 0 if self.waiting_since is None else self.at - self.waiting_since


@dataclass(frozen=True, slots=True)
class Missing:
    """A subject that cannot be told. `final` when no other event can bring it."""

    fields: tuple[str, ...]
    final: bool


def subject_for(
    event: StripeEvent, customer: str, state: SubscriptionState | None, rule: SubjectRule, *, own: str = ""
) -> str | Missing:
    """Return the subject of `event`'s facts; `own` begins the fields that only its own object can give."""
    names = names_of(event, customer, rule)
    if state is not None:
        names = state.remembered.fill(names)
    lacking = rule.missing(names)
    if not lacking:
        return rule.apply(names)
    final = state is None or any(field == "account" or (own and field.startswith(own)) for field in lacking)
    return Missing(lacking, final)


def without_subject(
    event: StripeEvent, missing: Missing, sight: Sight, state: SubscriptionState | None, policy: Policy
) -> Decision:
    """Return the decision on an event whose facts have no subject: it waits, or is given to a person."""
    what = " and ".join(missing.fields)
    if not missing.final and sight.waited < policy.patience:
        reason = f"no event has said {what} for its subscription yet, and TOLLBRIDGE_SUBJECT asks for it"
        return Decision(Outcome.DEFERRED, reason, subscription=state, wait=True)
    waited = "" if missing.final else f", and in {policy.patience} s no other event of its subscription did"
    reason = (
        f"TOLLBRIDGE_SUBJECT makes the subject of {what}, which {event.type} does not say{waited}; "
        "set it in Stripe, or set TOLLBRIDGE_SUBJECT to what every customer has"
    )
    return Decision(Outcome.REJECTED, reason, subscription=state, problem="no_subject")


def ignored(reason: str) -> Decision:
    """Return a decision that does nothing."""
    return Decision(Outcome.IGNORED, reason)


def rejected(problem: Problem, reason: str) -> Decision:
    """Return a decision that gives the event to a person."""
    return Decision(Outcome.REJECTED, reason, problem=problem)
