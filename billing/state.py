"""What is known of one subscription: one record a subscription, bounded, folded from events in any order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import orjson

from billing.names import NOTHING, Remembered
from billing.order import Frontier, Snapshot, latest
from billing.subscription import Subscription
from billing.timestamps import rfc3339

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Payment:
    """The last word about the subscription's payments. `at` is Stripe's `created` of the event."""

    at: int
    paid: bool
    attempt: int
    invoice: str
    amount: int | None
    currency: str | None
    billing_reason: str | None
    event: str

    @property
    def rank(self) -> tuple[int, bool, int, str, str]:
        """The newer is above; in the same second paid is above failed, a later attempt above an earlier."""
        return (self.at, self.paid, self.attempt, self.invoice, self.event)


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """One subscription. `started_by` and `ended_by` are the ids of the events that made these facts.

    They are what makes a decision replay-stable: the same event tells its fact again, another does not.
    """

    id: str
    customer: str
    account: str | None
    livemode: bool
    frontier: Frontier = ()
    started_by: str | None = None
    ended_by: str | None = None
    payment: Payment | None = None
    remembered: Remembered = NOTHING

    @property
    def current(self) -> Subscription | None:
        """The subscription's last known state; None while only checkouts or invoices have named it."""
        last = latest(self.frontier)
        return last.reading if last else None

    @property
    def status(self) -> str | None:
        """Stripe's status, or None while it is not known."""
        last = latest(self.frontier)
        return last.status if last else None

    def with_payment(self, payment: Payment) -> SubscriptionState:
        """Return the state with `payment` in it, unless it already knows of a later one."""
        if self.payment is not None and self.payment.rank >= payment.rank:
            return self
        return replace(self, payment=payment)

    def encode(self) -> bytes:
        """Return compact JSON: an array that begins with the schema's version."""
        return orjson.dumps(
            (
                SCHEMA,
                *_identity(self),
                None if self.payment is None else _payment_fields(self.payment),
                None if self.remembered == NOTHING else _remembered_fields(self.remembered),
                [_pack(one) for one in self.frontier],
            )
        )

    @classmethod
    def decode(cls, encoded: bytes) -> SubscriptionState:
        """Read what `encode` wrote. Raises ValueError for anything else, a newer schema too."""
        try:
            schema, *fields = orjson.loads(encoded)
            if schema != SCHEMA:
                raise ValueError(f"schema {schema!r}; this version reads {SCHEMA}")
            *identity, payment, remembered, frontier = fields
            sub_id, customer, account, livemode, started_by, ended_by = identity
            return cls(
                id=sub_id,
                customer=customer,
                account=account,
                livemode=livemode,
                frontier=tuple(_unpack(packed) for packed in frontier),
                started_by=started_by,
                ended_by=ended_by,
                payment=None if payment is None else Payment(*payment),
                remembered=NOTHING if remembered is None else _remembered(*remembered),
            )
        except (TypeError, ValueError) as error:
            raise ValueError(f"not a record of the subscriptions table: {error}") from error

    def view(self) -> dict[str, Any]:
        """Return what people and queries may see, as JSON values, times in RFC 3339.

        It depends only on the set of events, not on their order, and so holds no `started_by`.
        """
        current = self.current
        return {
            "id": self.id,
            "customer": self.customer,
            "account": self.account,
            "livemode": self.livemode,
            "started": self.started_by is not None,
            "ended": self.ended_by is not None,
            **(_view(current) if current else {"status": None}),
            "last_payment": _payment_view(self.payment) if self.payment else None,
        }


_identity = attrgetter("id", "customer", "account", "livemode", "started_by", "ended_by")
_payment_fields = attrgetter(*Payment.__dataclass_fields__)
_remembered_fields = attrgetter(*Remembered.__dataclass_fields__)
_snapshot_fields = attrgetter("event", "created", "terminal", "status", "before", "after")


def _remembered(reference: str | None, metadata: dict[str, str] | None, by: list[Any]) -> Remembered:
    return Remembered(reference, metadata, (by[0], by[1]))


def _pack(one: Snapshot) -> tuple[Any, ...]:
    return (*_snapshot_fields(one), None if one.reading is None else one.reading.pack())


def _unpack(packed: list[Any]) -> Snapshot:
    if packed[-1] is not None:
        packed[-1] = Subscription.unpack(packed[-1])
    return Snapshot(*packed)


def _view(current: Subscription) -> dict[str, Any]:
    first = current.first
    return {
        "status": current.status,
        "plan": first.price if first else None,
        "plan_name": first.plan_name if first else None,
        "price": first.price if first else None,
        "product": first.product if first else None,
        "quantity": first.quantity if first else None,
        "amount": current.amount,
        "currency": current.currency,
        "created": rfc3339(current.created),
        "period_start": rfc3339(current.period_start),
        "period_end": rfc3339(current.period_end),
        "trial_start": rfc3339(current.trial_start),
        "trial_end": rfc3339(current.trial_end),
        "cancel_at": rfc3339(current.cancel_at),
        "cancel_at_period_end": current.cancel_at_period_end,
        "canceled_at": rfc3339(current.canceled_at),
        "ended_at": rfc3339(current.ended_at),
        "cancellation_reason": current.cancellation_reason,
        "latest_invoice": current.latest_invoice,
        "collection_method": current.collection_method,
        "schedule": current.schedule,
        "pause_collection": {
            "behavior": current.pause_behavior,
            "resumes_at": rfc3339(current.pause_resumes_at),
        }
        if current.pause_behavior
        else None,
        "paused_reason": current.paused_reason,
        "pending_update_expires_at": rfc3339(current.pending_update_expires_at),
        "items": [
            {
                "id": item.id,
                "price": item.price,
                "plan_name": item.plan_name,
                "product": item.product,
                "quantity": item.quantity,
                "unit_amount": item.unit_amount,
                "unit_amount_decimal": item.unit_amount_decimal,
                "currency": item.currency,
                "interval": item.interval,
                "interval_count": item.interval_count,
                "period_start": rfc3339(item.period_start),
                "period_end": rfc3339(item.period_end),
            }
            for item in current.items
        ],
        "has_more_items": current.has_more,
    }


def _payment_view(payment: Payment) -> dict[str, Any]:
    return {
        "invoice": payment.invoice,
        "outcome": "paid" if payment.paid else "failed",
        "attempt": payment.attempt,
        "amount": payment.amount,
        "currency": payment.currency,
        "billing_reason": payment.billing_reason,
        "at": rfc3339(payment.at),
    }
