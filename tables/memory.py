"""What the lifecycle worker remembers: seen events and subscriptions, typed, over two tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from billing.decide import Known, Lookups
from billing.seen import Seen
from billing.state import SubscriptionState
from tables.row import Change, Origin

SEEN = "seen"
SUBSCRIPTIONS = "subscriptions"


class Rows(Protocol):
    """The part of `tables.table.Table` that memory needs."""

    def get_row(self, partition: int, key: bytes) -> bytes | None:
        """Return a value."""
        ...

    def put(self, partition: int, key: bytes, value: bytes, origin: Origin) -> Change:
        """Keep a value."""
        ...

    def delete(self, partition: int, key: bytes) -> Change:
        """Forget a key."""
        ...

    def expired(self, partition: int, before: int, limit: int) -> list[bytes]:
        """Return keys of old rows."""
        ...


def seen_at(value: bytes) -> int:
    """Return when the id in a `seen` row was first seen, in unix seconds."""
    return Seen.decode(value).at


class Memory:
    """Seen events and subscriptions by partition of stripe.events."""

    def __init__(self, seen: Rows, subscriptions: Rows) -> None:
        """Remember in these two tables."""
        self._seen = seen
        self._subscriptions = subscriptions

    def recall(self, partition: int, lookups: Lookups) -> Known:
        """Return what is known of the keys a decision needs."""
        seen: dict[str, Seen] = {}
        for key in lookups.seen:
            value = self._seen.get_row(partition, key.encode())
            if value is not None:
                seen[key] = Seen.decode(value)
        state = None
        if lookups.subscription is not None:
            value = self._subscriptions.get_row(partition, lookups.subscription.encode())
            state = None if value is None else SubscriptionState.decode(value)
        return Known(seen=seen, subscription=state)

    def remember(self, partition: int, seen: Mapping[str, Seen], origin: Origin) -> Iterator[Change]:
        """Keep first sightings; yields the changes that must reach the changelog."""
        for key, sighting in seen.items():
            yield self._seen.put(partition, key.encode(), sighting.encode(), origin)

    def keep(self, partition: int, key: str, state: SubscriptionState, origin: Origin) -> Change:
        """Keep how a subscription stands."""
        return self._subscriptions.put(partition, key.encode(), state.encode(), origin)

    def forget(self, partition: int, before: int, limit: int) -> Iterable[Change]:
        """Forget `limit` event ids at most that were first seen before `before` (unix seconds)."""
        return [self._seen.delete(partition, key) for key in self._seen.expired(partition, before, limit)]
