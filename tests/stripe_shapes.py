"""Stripe's events as JSON, for tests and the demo: current shape (2026-10-28.endive), and the older ones.

Every builder returns fresh dictionaries that its caller may change. Nothing here knows Tollbridge.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

API_VERSION = "2026-10-28.endive"
BEFORE_BASIL = "2024-06-20"
BEFORE_PRICES = "2018-11-08"
BEFORE_ITEMS = "2018-02-06"
NOON = 1_793_275_200  # 2026-10-29T12:00:00Z
MONTH = 30 * 86400

Json = dict[str, Any]


def event(
    event_type: str,
    obj: Json,
    *,
    event_id: str = "evt_1",
    created: int = NOON,
    livemode: bool = True,
    account: str | None = None,
    previous: Mapping[str, Any] | None = None,
    api_version: str = API_VERSION,
) -> Json:
    """A snapshot event. `previous` is `previous_attributes`, which only updates carry."""
    data: Json = {"object": obj}
    if previous is not None:
        data["previous_attributes"] = dict(previous)
    built: Json = {
        "id": event_id,
        "object": "event",
        "api_version": api_version,
        "created": created,
        "data": data,
        "livemode": livemode,
        "pending_webhooks": 1,
        "request": {"id": f"req_{event_id}", "idempotency_key": None},
        "type": event_type,
    }
    if account is not None:
        built["account"] = account
    return built


def thin_event(event_type: str, related: Json, *, event_id: str = "evt_thin_1") -> Json:
    """A thin event: what happened to which object, without the object."""
    return {
        "id": event_id,
        "object": "v2.core.event",
        "type": event_type,
        "created": "2026-10-29T12:00:00.000Z",
        "livemode": True,
        "related_object": related,
        "reason": None,
    }


def body(built: Json) -> bytes:
    """The bytes that Stripe would post."""
    return json.dumps(built, separators=(",", ":")).encode()


def price(price_id: str = "price_pro", **changes: Any) -> Json:
    return {
        "id": price_id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "currency": "usd",
        "lookup_key": None,
        "nickname": "Pro",
        "product": "prod_seat",
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
        "type": "recurring",
        "unit_amount": 2900,
        "unit_amount_decimal": "2900",
        **changes,
    }


def item(item_id: str = "si_1", *, start: int = NOON, end: int = NOON + MONTH, **changes: Any) -> Json:
    return {
        "id": item_id,
        "object": "subscription_item",
        "created": NOON,
        "current_period_start": start,
        "current_period_end": end,
        "metadata": {},
        "price": price(),
        "quantity": 1,
        **changes,
    }


def listing(*data: Json, has_more: bool = False) -> Json:
    return {"object": "list", "data": list(data), "has_more": has_more, "url": "/v1/somewhere"}


def subscription(subscription_id: str = "sub_1", **changes: Any) -> Json:
    return {
        "id": subscription_id,
        "object": "subscription",
        "application": None,
        "automatic_tax": {"enabled": False, "liability": None},
        "billing_cycle_anchor": NOON,
        "billing_mode": {"type": "flexible"},
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": NOON,
        "currency": "usd",
        "customer": "cus_1",
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": None,
        "discounts": [],
        "ended_at": None,
        "items": listing(item()),
        "latest_invoice": "in_1",
        "livemode": True,
        "metadata": {},
        "pause_collection": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": NOON,
        "status": "active",
        "status_details": {"paused": None},
        "trial_end": None,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": None,
        **changes,
    }


def line(
    line_id: str = "il_1", *, price_id: str = "price_pro", proration: bool = False, **changes: Any
) -> Json:
    return {
        "id": line_id,
        "object": "line_item",
        "amount": 2900,
        "currency": "usd",
        "parent": {
            "type": "subscription_item_details",
            "subscription_item_details": {
                "proration": proration,
                "subscription": "sub_1",
                "subscription_item": "si_1",
            },
        },
        "period": {"start": NOON, "end": NOON + MONTH},
        "pricing": {
            "type": "price_details",
            "price_details": {"price": price_id, "product": "prod_seat"},
            "unit_amount_decimal": "2900",
        },
        "quantity": 1,
        **changes,
    }


def invoice(invoice_id: str = "in_1", *, subscription_id: str | None = "sub_1", **changes: Any) -> Json:
    parent: Json = {
        "type": "subscription_details",
        "quote_details": None,
        "subscription_details": {"metadata": {}, "subscription": subscription_id},
    }
    return {
        "id": invoice_id,
        "object": "invoice",
        "amount_due": 2900,
        "amount_overpaid": 0,
        "amount_paid": 2900,
        "amount_remaining": 0,
        "attempt_count": 1,
        "attempted": True,
        "auto_advance": False,
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "created": NOON,
        "currency": "usd",
        "customer": "cus_1",
        "customer_account": None,
        "lines": listing(line()),
        "livemode": True,
        "next_payment_attempt": None,
        "parent": parent if subscription_id is not None else None,
        "period_start": NOON - MONTH,
        "period_end": NOON,
        "status": "paid",
        "status_transitions": {
            "finalized_at": NOON,
            "marked_uncollectible_at": None,
            "paid_at": NOON,
            "voided_at": None,
        },
        "total": 2900,
        **changes,
    }


def unpaid_invoice(invoice_id: str = "in_1", *, attempt: int = 1, **changes: Any) -> Json:
    return invoice(
        invoice_id,
        amount_paid=0,
        amount_remaining=2900,
        attempt_count=attempt,
        next_payment_attempt=NOON + 3 * 86400,
        status="open",
        status_transitions={
            "finalized_at": NOON,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        **changes,
    )


def checkout_session(session_id: str = "cs_1", **changes: Any) -> Json:
    return {
        "id": session_id,
        "object": "checkout.session",
        "amount_subtotal": 2900,
        "amount_total": 2900,
        "client_reference_id": None,
        "created": NOON,
        "currency": "usd",
        "customer": "cus_1",
        "customer_account": None,
        "invoice": "in_1",
        "livemode": True,
        "metadata": {},
        "mode": "subscription",
        "payment_intent": None,
        "payment_status": "paid",
        "status": "complete",
        "subscription": "sub_1",
        "ui_mode": "hosted_page",
        **changes,
    }


def before_basil(obj: Json) -> Json:
    """The same subscription or invoice as an endpoint pinned before 2025-03-31.basil would get it."""
    old = copy.deepcopy(obj)
    if old["object"] == "subscription":
        entries = old["items"]["data"]
        old["current_period_start"] = entries[0].pop("current_period_start")
        old["current_period_end"] = entries[0].pop("current_period_end")
        for entry in entries[1:]:
            del entry["current_period_start"], entry["current_period_end"]
        for entry in entries:
            entry["plan"] = _plan(entry["price"])
        del old["billing_mode"], old["customer_account"], old["status_details"]
    elif old["object"] == "invoice":
        details = (old.pop("parent") or {}).get("subscription_details") or {}
        old["subscription"] = details.get("subscription")
        old["paid"] = old["status"] == "paid"
        del old["amount_overpaid"], old["customer_account"]
        for entry in old["lines"]["data"]:
            named = entry.pop("pricing")["price_details"]
            entry["price"] = price(named["price"], product=named["product"])
            entry["plan"] = _plan(entry["price"])
            entry["proration"] = entry.pop("parent")["subscription_item_details"]["proration"]
            entry["type"] = "subscription"
    return old


def before_prices(obj: Json) -> Json:
    """The same subscription or invoice as an endpoint pinned to 2018 would get it: plans, no prices."""
    old = before_basil(obj)
    entries = old["items" if old["object"] == "subscription" else "lines"]["data"]
    for entry in entries:
        del entry["price"]
    if old["object"] == "subscription":
        del (
            old["currency"],
            old["latest_invoice"],
            old["pause_collection"],
            old["pending_update"],
            old["schedule"],
        )
        if len(entries) == 1:
            old["plan"], old["quantity"] = entries[0]["plan"], entries[0]["quantity"]
    old["billing"] = old.pop("collection_method")
    return old


def before_items(obj: Json) -> Json:
    """The same as an endpoint pinned to early 2018 would get it: one plan on top, flags for the status."""
    old = before_prices(obj)
    if old["object"] == "subscription":
        (only,) = old.pop("items")["data"]
        old["plan"], old["quantity"] = only["plan"], only["quantity"]
    else:
        subscription_id = old.pop("subscription")
        status, transitions = old.pop("status"), old.pop("status_transitions")
        old["closed"], old["forgiven"] = status == "paid", False
        old["webhooks_delivered_at"] = transitions["finalized_at"]
        for entry in old["lines"]["data"]:
            entry["id"] = entry["subscription"] = subscription_id
    return old


def _plan(of: Json) -> Json:
    return {
        "id": of["id"],
        "object": "plan",
        "active": True,
        "amount": of["unit_amount"],
        "amount_decimal": of["unit_amount_decimal"],
        "currency": of["currency"],
        "interval": of["recurring"]["interval"],
        "interval_count": of["recurring"]["interval_count"],
        "nickname": of["nickname"],
        "product": of["product"],
    }
