"""A canonical reading of Stripe's Subscription, whichever API version rendered it.

Chosen by shape: the newest path first, the older one where the newer is missing. Since 2025-03-31.basil the
current period stands on each item, before it stood on top; before prices there were plans, which had a name
of their own until 2018-02-05; before 2019-10-17 the collection method was called billing. A status nobody has
seen yet passes through. Of several items with different periods (flexible billing) the subscription's
period is the span that they cover together: the earliest start and the latest end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from billing.money import currency, decimal, total
from billing.partition_key import customer_of
from billing.shape import chosen_identifier, identifier, integer, mapping, sequence, text, timestamp

MAX_ITEMS = 20  # what Stripe allows; more would be an unbounded record
# Stripe's terminal statuses: a subscription never leaves them.
TERMINAL = frozenset({"canceled", "incomplete_expired"})
# The statuses that prove that a subscription has started. paused is not among them: since endive a
# subscription may be paused because its first payment failed.
STARTED = frozenset({"active", "trialing"})


@dataclass(frozen=True, slots=True)
class Item:
    """One price of a subscription. `unit_amount` is None for metered and tiered prices."""

    id: str | None
    price: str | None
    plan_name: str | None
    product: str | None
    quantity: int | None
    unit_amount: int | None
    unit_amount_decimal: str | None
    currency: str | None
    interval: str | None
    interval_count: int | None
    period_start: int | None
    period_end: int | None


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription at one moment. Times are seconds since the Unix epoch.

    `has_more` says that Stripe's event carries only the first page of the items.
    """

    id: str
    customer: str | None
    status: str
    currency: str | None
    created: int | None
    period_start: int | None
    period_end: int | None
    trial_start: int | None
    trial_end: int | None
    cancel_at: int | None
    cancel_at_period_end: bool
    canceled_at: int | None
    ended_at: int | None
    cancellation_reason: str | None
    latest_invoice: str | None
    collection_method: str | None
    schedule: str | None
    pause_behavior: str | None
    pause_resumes_at: int | None
    paused_reason: str | None
    pending_update_expires_at: int | None
    has_more: bool
    items: tuple[Item, ...]

    @property
    def terminal(self) -> bool:
        """Whether the status is one that a subscription never leaves."""
        return self.status in TERMINAL

    @property
    def first(self) -> Item | None:
        """The item that a fact names: the first, in Stripe's order."""
        return self.items[0] if self.items else None

    @property
    def amount(self) -> int | None:
        """What one period costs before tax and discounts, in minor units; None when it cannot be known.

        A price in several currencies shows its own, whichever the subscription is billed in; the event leaves
        out the others (`currency_options`). Items billed at different intervals share no period.
        """
        currencies = {self.currency, *(item.currency for item in self.items)} - {None}
        intervals = {(item.interval, item.interval_count) for item in self.items}
        if self.has_more or len(currencies) > 1 or len(intervals) > 1:
            return None
        return total((item.unit_amount, item.quantity) for item in self.items)

    def pack(self) -> tuple[Any, ...]:
        """Return the fields as JSON values, in order; `unpack` reads them back."""
        return (*_scalars(self), [_item_fields(item) for item in self.items])

    @classmethod
    def unpack(cls, packed: list[Any]) -> Subscription:
        """Read what `pack` returned, once it has been through JSON; `packed` is used up."""
        packed[-1] = tuple(Item(*item) for item in packed[-1])
        return cls(*packed)


_item_fields = attrgetter(*Item.__dataclass_fields__)
_scalars = attrgetter(*[name for name in Subscription.__dataclass_fields__ if name != "items"])


def read_subscription(found: Mapping[str, Any]) -> Subscription | None:
    """Read a subscription object; None when it has no id or no status, and so is none."""
    subscription_id = identifier(found.get("id"))
    status = text(found.get("status"))
    if subscription_id is None or status is None:
        return None
    start = timestamp(found.get("current_period_start"))
    end = timestamp(found.get("current_period_end"))
    listed = mapping(found.get("items"))
    entries = sequence(listed.get("data"))
    items = tuple(_item(mapping(entry), start, end) for entry in entries[:MAX_ITEMS])
    if not items and isinstance(found.get("plan"), dict):
        items = (_item(found, start, end),)
    pause = mapping(found.get("pause_collection"))
    paused = mapping(mapping(found.get("status_details")).get("paused"))
    pending = mapping(found.get("pending_update"))
    return Subscription(
        id=subscription_id,
        customer=customer_of(found),
        status=status,
        currency=currency(found.get("currency")) or (items[0].currency if items else None),
        created=timestamp(found.get("created")),
        period_start=min(
            (item.period_start for item in items if item.period_start is not None), default=start
        ),
        period_end=max((item.period_end for item in items if item.period_end is not None), default=end),
        trial_start=timestamp(found.get("trial_start")),
        trial_end=timestamp(found.get("trial_end")),
        cancel_at=timestamp(found.get("cancel_at")),
        cancel_at_period_end=found.get("cancel_at_period_end") is True,
        canceled_at=timestamp(found.get("canceled_at")),
        ended_at=timestamp(found.get("ended_at")),
        cancellation_reason=text(mapping(found.get("cancellation_details")).get("reason")),
        latest_invoice=identifier(found.get("latest_invoice")),
        collection_method=text(found.get("collection_method")) or text(found.get("billing")),
        schedule=identifier(found.get("schedule")),
        pause_behavior=text(pause.get("behavior")),
        pause_resumes_at=timestamp(pause.get("resumes_at")),
        paused_reason=text(mapping(paused.get("subscription")).get("type")),
        pending_update_expires_at=timestamp(pending.get("expires_at")),
        has_more=listed.get("has_more") is True or len(entries) > MAX_ITEMS,
        items=items,
    )


def _item(entry: Mapping[str, Any], start: int | None, end: int | None) -> Item:
    price = mapping(entry.get("price")) or mapping(entry.get("plan"))
    recurring = mapping(price.get("recurring")) or price
    own_start = timestamp(entry.get("current_period_start"))
    own_end = timestamp(entry.get("current_period_end"))
    amount = integer(price.get("unit_amount"))
    amount = integer(price.get("amount")) if amount is None else amount
    if mapping(price.get("transform_quantity")) or mapping(price.get("transform_usage")):
        amount = None  # it is what a package costs, not what one unit does
    # A plan says `amount` and `amount_decimal` where a price says `unit_amount` and `unit_amount_decimal`.
    exact = decimal(price.get("unit_amount_decimal")) or decimal(price.get("amount_decimal"))
    return Item(
        id=identifier(entry.get("id")),
        price=chosen_identifier(entry.get("price")) or chosen_identifier(entry.get("plan")),
        plan_name=text(price.get("lookup_key")) or text(price.get("nickname")) or text(price.get("name")),
        product=chosen_identifier(price.get("product")),
        quantity=integer(entry.get("quantity")),
        unit_amount=amount,
        unit_amount_decimal=exact,
        currency=currency(price.get("currency")),
        interval=text(recurring.get("interval")),
        interval_count=integer(recurring.get("interval_count")),
        period_start=start if own_start is None else own_start,
        period_end=end if own_end is None else own_end,
    )
