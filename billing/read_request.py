"""What has to be read from Stripe, and the event that is made of the answer.

Three things call for a read. A thin event names an object and does not hold it. Where the order of one
second's events stays undecidable, only Stripe knows how the subscription stands. And a paid checkout names a
subscription that may not be known yet. The answer comes back as an event in stripe.events, under the
customer's key, and is folded like any other: nothing waits for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from billing.event_types import HANDLED, SUBSCRIPTION_GONE, SUBSCRIPTION_PREFIX, SUBSCRIPTION_READ
from billing.shape import MAX_TEXT
from billing.stripe_event import READ, StripeEvent

REREAD = "reread:"
"""Begins the id of an answer's event; Stripe's own begin with evt_."""
_ID = re.compile(r"^[A-Za-z0-9_-]{1,255}$")
_PATHS = (
    (SUBSCRIPTION_PREFIX, "/v1/subscriptions/"),
    ("invoice.", "/v1/invoices/"),
    ("checkout.session.", "/v1/checkout/sessions/"),
)


@dataclass(frozen=True, slots=True)
class Reread:
    """A subscription to read, because its events do not say which of them is the last, or none has come yet.

    `after` is the second they share: the answer must be younger, by Stripe's clock. `witness` is one of
    them: where Stripe answers 404 for the subscription but knows this event, the subscription is gone;
    where it knows neither, the key is another account's. Without a witness 404 proves nothing. `id` names
    the question, so that its answer is folded once however often it is asked.
    """

    id: str
    subscription: str
    customer: str
    account: str | None
    context: str | None
    livemode: bool
    after: int
    witness: str | None

    def encode(self) -> bytes:
        """Return JSON."""
        return orjson.dumps(asdict(self))

    @classmethod
    def decode(cls, encoded: bytes) -> Reread:
        """Read what `encode` wrote. Raises ValueError for anything else."""
        try:
            return cls(**orjson.loads(encoded))
        except (TypeError, ValueError) as error:
            raise ValueError(f"not a request to read a subscription: {error}") from error


def ask(
    event: StripeEvent, subscription: str, customer: str, *, doubt: str, after: int, witness: str | None
) -> Reread | None:
    """Return the question about `subscription` that `event` raises, named by its `doubt`.

    None where the name would be too long for an id.
    """
    name = f"{REREAD}{subscription}:{doubt}"
    if len(name) > MAX_TEXT:
        return None
    return Reread(
        id=name,
        subscription=subscription,
        customer=customer,
        account=event.account,
        context=event.context or event.account,
        livemode=event.livemode,
        after=after,
        witness=witness,
    )


def twin_type(event: StripeEvent) -> str:
    """Return the type of the snapshot event that says the same as a thin one: without its v1.

    Some thin types have no twin, such as v1.customer.subscription.past_due: they say how a subscription
    stands, as one that was read does.
    """
    if not event.thin:
        return event.type
    twin = event.type.removeprefix("v1.")
    if twin == event.type or twin in HANDLED or not twin.startswith(SUBSCRIPTION_PREFIX):
        return twin
    return SUBSCRIPTION_READ


def event_path(event_id: str) -> str | None:
    """Return where Stripe keeps a snapshot event; None for what cannot be an id."""
    return f"/v1/events/{event_id}" if _ID.match(event_id) else None


def thin_event_path(event_id: str) -> str | None:
    """Return where Stripe keeps a thin event, with its `changes` and `snapshot_event`."""
    return f"/v2/core/events/{event_id}" if _ID.match(event_id) else None


def object_path(event: StripeEvent) -> str | None:
    """Return where the object of a thin event stands. Made of type and id: a URL is never followed."""
    kind, found = event.type.removeprefix("v1."), event.object.get("id")
    if not isinstance(found, str) or not _ID.match(found):
        return None
    return next((path + found for prefix, path in _PATHS if kind.startswith(prefix)), None)


def subscription_path(subscription: str) -> str | None:
    """Return where a subscription stands."""
    return f"/v1/subscriptions/{subscription}" if _ID.match(subscription) else None


def snapshot_event_of(full: Mapping[str, Any]) -> str | None:
    """Return the id of the snapshot twin that a fetched thin event names."""
    found = full.get("snapshot_event")
    if isinstance(found, dict):
        found = found.get("id")
    return found if isinstance(found, str) and _ID.match(found) else None


def as_snapshot(
    thin: StripeEvent, twin: str | None, found: Mapping[str, Any], read_at: int
) -> dict[str, Any]:
    """Return a thin event as the snapshot event it stands for, made of the object as it is now.

    For when the twin itself, whose id is `twin`, cannot be had.
    """
    return _event(twin or thin.id, twin_type(thin), thin.created, scope=thin, found=found, read_at=read_at)


def as_read(asked: Reread, found: Mapping[str, Any] | None, read_at: int) -> dict[str, Any]:
    """Return the answer to `asked` as an event; `found` None is a tombstone."""
    kind = SUBSCRIPTION_READ
    if found is None:
        kind = SUBSCRIPTION_GONE
        found = {
            "id": asked.subscription,
            "object": "subscription",
            "status": "canceled",
            "customer": asked.customer,
        }
    return _event(asked.id, kind, read_at, scope=asked, found=found, read_at=read_at)


def in_scope(twin: Mapping[str, Any], thin: StripeEvent) -> dict[str, Any]:
    """Return a fetched twin with the account of the thin event: Stripe's API leaves it out."""
    document = dict(twin)
    if thin.account is not None and not document.get("account"):
        document["account"] = thin.account
    return document


def _event(
    event_id: str,
    kind: str,
    created: int,
    *,
    scope: StripeEvent | Reread,
    found: Mapping[str, Any],
    read_at: int,
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": event_id,
        "object": "event",
        "type": kind,
        "created": created,
        "livemode": scope.livemode,
        "data": {"object": dict(found)},
        READ: {"at": read_at},
    }
    if scope.account is not None:
        document["account"] = scope.account
    return document
