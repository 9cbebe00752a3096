"""What the door remembers: which events Kafka has acknowledged already. Only ever an optimisation.

A memory may forget whatever it was told, and must never hold what it was not told: forgetting costs a
second record, which the lifecycle worker drops as a duplicate; a false "held" would lose an event.
"""

from __future__ import annotations

from typing import Protocol

from billing.stripe_event import StripeEvent


class Memory(Protocol):
    """The door's memory. No method raises, none waits for longer than the memory's own timeout."""

    async def holds(self, event: StripeEvent) -> bool:
        """Say whether `event` is known to be in Kafka; False when that cannot be told."""
        ...

    def keep(self, event: StripeEvent) -> None:
        """Note that Kafka has acknowledged `event`; at some time soon, or never."""
        ...


class NoMemory:
    """A door that remembers nothing: what Tollbridge does without Redis."""

    async def holds(self, event: StripeEvent) -> bool:  # noqa: ARG002 - the protocol's
        """Return False."""
        return False

    def keep(self, event: StripeEvent) -> None:
        """Do nothing."""


def event_key(event: StripeEvent) -> str:
    """Return account, mode and event id, as in the seen table, such as acct_1|live|evt_1.

    The endpoint is no part of it: Stripe sends one event to every endpoint that wants it, under one id, and
    the lifecycle worker works through the first that comes.
    """
    return f"{event.scope}|{event.id}"
