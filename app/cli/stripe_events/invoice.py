"""An invoice for a subscription: the subscription stands in `parent`, the price in each line's `pricing`."""

from __future__ import annotations

from app.cli.stripe_events.envelope import Json
from app.cli.stripe_events.subscription import MONTH, Subscribed

_RETRY = 3 * 86400


def paid_invoice(
    who: Subscribed,
    invoice_id: str,
    *,
    at: int,
    amount: int | None = None,
    reason: str = "subscription_cycle",
    attempts: int = 1,
) -> Json:
    """Return an invoice that was paid at `at`; `amount` in minor units, the plan's by default."""
    owed = who.plan.amount * who.quantity if amount is None else amount
    return {
        **_invoice(who, invoice_id, at, owed, reason),
        "amount_paid": owed,
        "amount_remaining": 0,
        "attempt_count": attempts if owed else 0,
        "attempted": True,
        "auto_advance": False,
        "next_payment_attempt": None,
        "status": "paid",
        "status_transitions": {
            "finalized_at": at,
            "marked_uncollectible_at": None,
            "paid_at": at,
            "voided_at": None,
        },
    }


def failed_invoice(
    who: Subscribed,
    invoice_id: str,
    *,
    at: int,
    attempt: int = 1,
    amount: int | None = None,
    reason: str = "subscription_cycle",
    final: bool = False,
) -> Json:
    """Return an invoice whose payment failed at `at` for the `attempt`-th time; `final`: no more retries."""
    owed = who.plan.amount * who.quantity if amount is None else amount
    return {
        **_invoice(who, invoice_id, at, owed, reason),
        "amount_paid": 0,
        "amount_remaining": owed,
        "attempt_count": attempt,
        "attempted": True,
        "auto_advance": not final,
        "next_payment_attempt": None if final else at + _RETRY,
        "status": "open",
        "status_transitions": {
            "finalized_at": at,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
    }


def _invoice(who: Subscribed, invoice_id: str, at: int, owed: int, reason: str) -> Json:
    return {
        "id": invoice_id,
        "object": "invoice",
        "account_country": "US",
        "account_name": None,
        "account_tax_ids": None,
        "amount_due": owed,
        "amount_overpaid": 0,
        "amount_paid_off_stripe": 0,
        "amount_shipping": 0,
        "application": None,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "automatically_finalizes_at": None,
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "created": at,
        "currency": who.plan.currency,
        "custom_fields": None,
        "customer": who.customer,
        "customer_account": None,
        "customer_email": None,
        "customer_name": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": at,
        "ending_balance": 0,
        "footer": None,
        "from_invoice": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": {
            "object": "list",
            "data": [_line(who, invoice_id, at, owed, reason)],
            "has_more": False,
            "total_count": 1,
            "url": f"/v1/invoices/{invoice_id}/lines",
        },
        "livemode": who.livemode,
        "metadata": {},
        "number": None,
        "on_behalf_of": None,
        "parent": {
            "quote_details": None,
            "subscription_details": {"metadata": {}, "subscription": who.id},
            "type": "subscription_details",
        },
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": at,
        "period_start": at,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "starting_balance": 0,
        "statement_descriptor": None,
        "status_details": None,
        "subtotal": owed,
        "subtotal_excluding_tax": owed,
        "test_clock": None,
        "total": owed,
        "total_discount_amounts": [],
        "total_excluding_tax": owed,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": at,
    }


def _line(who: Subscribed, invoice_id: str, at: int, owed: int, reason: str) -> Json:
    return {
        "id": f"il_{invoice_id.removeprefix('in_')}",
        "object": "line_item",
        "amount": owed,
        "currency": who.plan.currency,
        "description": None,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": who.livemode,
        "metadata": {},
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": reason == "subscription_update",
                "proration_details": {"credited_items": None},
                "subscription": who.id,
                "subscription_item": f"si_{who.id.removeprefix('sub_')}",
            },
            "type": "subscription_item_details",
        },
        "period": {"end": at + MONTH, "start": at},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": who.plan.price, "product": who.plan.product},
            "type": "price_details",
            "unit_amount_decimal": str(who.plan.amount),
        },
        "quantity": who.quantity,
        "quantity_decimal": str(who.quantity),
        "subtotal": owed,
        "taxes": [],
    }
