"""A completed checkout session. Its line items are not in the webhook."""

from __future__ import annotations

from app.cli.stripe_events.envelope import Json
from app.cli.stripe_events.subscription import Subscribed

_DAY = 86400


def checkout_session(
    who: Subscribed,
    session_id: str,
    *,
    at: int,
    invoice: str | None = None,
    payment_status: str = "paid",
    amount: int | None = None,
) -> Json:
    """Return a session of mode subscription; `payment_status` is unpaid while a slow method is on its way."""
    total = who.plan.amount * who.quantity if amount is None else amount
    return {
        "id": session_id,
        "object": "checkout.session",
        "adaptive_pricing": None,
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": None,
        "client_reference_id": None,
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": at,
        "currency": who.plan.currency,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": who.customer,
        "customer_account": None,
        "customer_creation": "always",
        "customer_details": None,
        "customer_email": None,
        "discounts": [],
        "expires_at": at + _DAY,
        "invoice": invoice,
        "invoice_creation": None,
        "livemode": who.livemode,
        "locale": None,
        "metadata": {},
        "mode": "subscription",
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "always",
        "payment_method_types": ["card"],
        "payment_status": payment_status,
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "redirect_on_completion": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "complete",
        "submit_type": None,
        "subscription": who.id,
        "success_url": "https://example.com/welcome",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": None,
        "wallet_options": None,
    }
