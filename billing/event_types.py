"""The Stripe event types that mean something here; all others are kept and ignored."""

from __future__ import annotations

SUBSCRIPTION_READ = "tollbridge.subscription.read"
"""Ours: a subscription as it was read from Stripe."""
SUBSCRIPTION_GONE = "tollbridge.subscription.gone"
"""Ours: Stripe's answer was 404; a tombstone."""
SUBSCRIPTION_PREFIX = "customer.subscription."

SUBSCRIPTION_TYPES = frozenset(
    {
        "customer.subscription.created",
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "customer.subscription.paused",
        "customer.subscription.resumed",
        "customer.subscription.trial_will_end",
        "customer.subscription.pending_update_applied",
        "customer.subscription.pending_update_expired",
        SUBSCRIPTION_READ,
        SUBSCRIPTION_GONE,
    }
)
INVOICE_TYPES = frozenset({"invoice.paid", "invoice.payment_succeeded", "invoice.payment_failed"})
CHECKOUT_TYPES = frozenset({"checkout.session.completed", "checkout.session.async_payment_succeeded"})
HANDLED = SUBSCRIPTION_TYPES | INVOICE_TYPES | CHECKOUT_TYPES
