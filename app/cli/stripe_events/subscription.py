"""A subscription with one item. Since 2025-03-31.basil the current period stands on the item."""

from __future__ import annotations

from dataclasses import dataclass

from app.cli.stripe_events.envelope import Json

MONTH = 30 * 86400


@dataclass(frozen=True, slots=True)
class Plan:
    """What is subscribed to; `amount` is a month's price in minor units."""

    amount: int
    currency: str = "usd"
    price: str = "price_starter"
    product: str = "prod_app"
    lookup_key: str | None = "starter"


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Who has subscribed to what. Times are seconds since the Unix epoch."""

    id: str
    customer: str
    plan: Plan
    created: int
    quantity: int = 1
    livemode: bool = False


def subscription(
    who: Subscribed,
    status: str,
    *,
    period_start: int | None = None,
    trial_end: int | None = None,
    cancel_at_period_end: bool = False,
    canceled_at: int | None = None,
    ended_at: int | None = None,
    reason: str | None = None,
    latest_invoice: str | None = None,
) -> Json:
    """Return the object. The period is a month from `period_start`, or the trial while that lasts."""
    start = who.created if period_start is None else period_start
    end = trial_end if status == "trialing" and trial_end is not None else start + MONTH
    return {
        "id": who.id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": who.created if trial_end is None else trial_end,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"flexible": None, "type": "classic"},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": end if cancel_at_period_end else None,
        "cancel_at_period_end": cancel_at_period_end,
        "canceled_at": canceled_at,
        "cancellation_details": {"comment": None, "feedback": None, "reason": reason},
        "collection_method": "charge_automatically",
        "created": who.created,
        "currency": who.plan.currency,
        "customer": who.customer,
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "ended_at": ended_at,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": {
            "object": "list",
            "data": [_item(who, start, end)],
            "has_more": False,
            "total_count": 1,
            "url": f"/v1/subscription_items?subscription={who.id}",
        },
        "latest_invoice": latest_invoice,
        "livemode": who.livemode,
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": who.created,
        "status": status,
        "status_details": None,
        "test_clock": None,
        "transfer_data": None,
        "trial_end": trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": None if trial_end is None else who.created,
    }


def _item(who: Subscribed, start: int, end: int) -> Json:
    return {
        "id": f"si_{who.id.removeprefix('sub_')}",
        "object": "subscription_item",
        "billed_until": None,
        "billing_thresholds": None,
        "created": who.created,
        "current_period_end": end,
        "current_period_start": start,
        "current_trial": None,
        "discounts": [],
        "metadata": {},
        "price": _price(who),
        "quantity": who.quantity,
        "subscription": who.id,
        "tax_rates": [],
    }


def _price(who: Subscribed) -> Json:
    plan = who.plan
    return {
        "id": plan.price,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": who.created,
        "currency": plan.currency,
        "custom_unit_amount": None,
        "livemode": who.livemode,
        "lookup_key": plan.lookup_key,
        "metadata": {},
        "nickname": None,
        "product": plan.product,
        "recurring": {
            "interval": "month",
            "interval_count": 1,
            "meter": None,
            "trial_period_days": None,
            "usage_type": "licensed",
        },
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring",
        "unit_amount": plan.amount,
        "unit_amount_decimal": str(plan.amount),
    }
