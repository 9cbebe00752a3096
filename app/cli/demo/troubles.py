"""The demo's history: what goes wrong between Stripe and us. Expectations are written down by hand."""

from __future__ import annotations

from app.cli.demo.customers import BASIS, DAY, STARTER, TEAM
from app.cli.demo.story import Customer, Post, Told
from app.cli.stripe_events.envelope import event
from app.cli.stripe_events.invoice import paid_invoice
from app.cli.stripe_events.subscription import Subscribed, subscription


def troubled(start: int) -> tuple[Customer, ...]:
    """Return customers whose events are repeated, late, forged, unknown; `start` in seconds."""
    return (_repeats(start), _backwards(start), _both_modes(start), _unknown(start), _forged(start))


def _repeats(start: int) -> Customer:
    who = Subscribed("sub_repeat", "cus_repeat", STARTER, start)
    created = event("customer.subscription.created", subscription(who, "active"), created=start)
    invoice = paid_invoice(who, "in_repeat_1", at=start, reason="subscription_create")
    paid = event("invoice.paid", invoice, created=start + 1)
    succeeded = event("invoice.payment_succeeded", invoice, created=start + 1)
    return Customer(
        "cus_repeat",
        "is told about again and again",
        (
            Post(created, "active"),
            Post(created, "the same event again"),
            Post(paid, "19.00 USD"),
            Post(paid, "the same event again"),
            Post(succeeded, "another event, the same fact"),
            Post(created, "the same event again"),
        ),
        (
            Told("subscription.started", "subscription.started:sub_repeat", 1900, "usd"),
            Told("payment.success", "payment.success:in_repeat_1", 1900, "usd"),
        ),
    )


def _backwards(start: int) -> Customer:
    who = Subscribed("sub_backwards", "cus_backwards", BASIS, start)
    asked, end = start + 2 * DAY, start + 3 * DAY
    active = subscription(who, "active")
    leaving = subscription(who, "active", cancel_at_period_end=True, canceled_at=asked)
    gone = subscription(who, "canceled", canceled_at=asked, ended_at=end, reason="cancellation_requested")
    invoice = paid_invoice(who, "in_backwards_1", at=start, reason="subscription_create")
    previous = {"cancel_at": None, "cancel_at_period_end": False, "canceled_at": None}
    return Customer(
        "cus_backwards",
        "is told about from the end to the beginning",
        (
            Post(event("customer.subscription.deleted", gone, created=end), "canceled"),
            Post(
                event(
                    "customer.subscription.updated",
                    leaving,
                    created=asked,
                    event_id="evt_backwards_asked",
                    previous=previous,
                ),
                "a day late",
            ),
            Post(event("customer.subscription.created", active, created=start), "three days late"),
            Post(event("invoice.paid", invoice, created=start + 1), "29.00 EUR"),
        ),
        (
            Told("subscription.ended", "subscription.ended:sub_backwards", 2900, "eur"),
            Told(
                "subscription.started",
                "subscription.started:sub_backwards",
                2900,
                "eur",
                superseded=True,
            ),
            Told(
                "subscription.updated",
                "subscription.updated:evt_backwards_asked",
                2900,
                "eur",
                superseded=True,
            ),
            Told("payment.success", "payment.success:in_backwards_1", 2900, "eur"),
        ),
    )


def _both_modes(start: int) -> Customer:
    test = Subscribed("sub_modes", "cus_modes", STARTER, start)
    live = Subscribed("sub_modes", "cus_modes", TEAM, start, livemode=True)
    in_test, in_live = subscription(test, "active"), subscription(live, "active")
    return Customer(
        "cus_modes",
        "has the same names in test mode and in live mode",
        (
            Post(event("customer.subscription.created", in_test, created=start), "test mode"),
            Post(event("customer.subscription.created", in_live, created=start), "live mode"),
        ),
        (
            Told("subscription.started", "subscription.started:sub_modes", 1900, "usd"),
            Told("subscription.started", "subscription.started:sub_modes", 4900, "usd", livemode=True),
        ),
    )


def _unknown(start: int) -> Customer:
    summary = {
        "object": "entitlements.active_entitlement_summary",
        "customer": "cus_unknown",
        "entitlements": {"object": "list", "data": [], "has_more": False, "url": "/v1/entitlements"},
        "livemode": False,
    }
    novelty = {"id": "orb_1", "object": "orbit", "customer": "cus_unknown", "livemode": False}
    return Customer(
        "cus_unknown",
        "has events that nothing is told of: taken, kept, not an error",
        (
            Post(
                event("entitlements.active_entitlement_summary.updated", summary, created=start),
                "not ours to tell",
            ),
            Post(event("orbit.entered", novelty, created=start), "a type that nobody has seen"),
        ),
        (),
    )


def _forged(start: int) -> Customer:
    who = Subscribed("sub_forged", "cus_forged", TEAM, start)
    invoice = paid_invoice(who, "in_forged_1", at=start, amount=9999900)
    paid = event("invoice.paid", invoice, created=start)
    return Customer(
        "cus_forged",
        "is somebody else's invention",
        (
            Post(paid, "signed with another secret", "forged", 400),
            Post(paid, "recorded an hour ago, sent again", "stale", 400),
        ),
        (),
    )
