"""The demo's history: ordinary customers. What is expected of each is written down by hand."""

from __future__ import annotations

from app.cli.demo.story import Customer, Post, Told
from app.cli.stripe_events.checkout import checkout_session
from app.cli.stripe_events.envelope import event
from app.cli.stripe_events.invoice import failed_invoice, paid_invoice
from app.cli.stripe_events.subscription import MONTH, Plan, Subscribed, subscription

DAY = 86400
STARTER = Plan(1900, "usd", "price_starter", "prod_app", "starter")
TEAM = Plan(4900, "usd", "price_team", "prod_app", "team")
BASIS = Plan(2900, "eur", "price_basis", "prod_app", "basis")
YEN = Plan(9800, "jpy", "price_jp", "prod_app", "standard-jp")


def ordinary(start: int) -> tuple[Customer, ...]:
    """Return customers to whom nothing strange happens; `start` is when, in seconds since the epoch."""
    return (_trial(start), _upgrade(start), _recovery(start), _cancellation(start), _expiry(start))


def _trial(start: int) -> Customer:
    who = Subscribed("sub_trial", "cus_trial", TEAM, start)
    over = start + 14 * DAY
    trialing = subscription(who, "trialing", trial_end=over, latest_invoice="in_trial_1")
    active = subscription(who, "active", period_start=over, trial_end=over, latest_invoice="in_trial_2")
    changed = {"status": "trialing", "items": trialing["items"], "latest_invoice": "in_trial_1"}
    first = paid_invoice(who, "in_trial_1", at=start, amount=0, reason="subscription_create")
    second = paid_invoice(who, "in_trial_2", at=over + 60)
    return Customer(
        "cus_trial",
        "tries it for a fortnight, then pays",
        (
            Post(event("customer.subscription.created", trialing, created=start), "trial of 14 days"),
            Post(event("invoice.paid", first, created=start), "nothing due"),
            Post(
                event("customer.subscription.trial_will_end", trialing, created=over - 3 * DAY), "in 3 days"
            ),
            Post(
                event(
                    "customer.subscription.updated",
                    active,
                    created=over,
                    event_id="evt_trial_over",
                    previous=changed,
                ),
                "trialing → active",
            ),
            Post(event("invoice.paid", second, created=over + 60), "49.00 USD"),
        ),
        (
            Told("subscription.started", "subscription.started:sub_trial", 4900, "usd"),
            Told("payment.success", "payment.success:in_trial_1", 0, "usd"),
            Told("subscription.updated", "subscription.updated:evt_trial_over", 4900, "usd"),
            Told("payment.success", "payment.success:in_trial_2", 4900, "usd"),
        ),
    )


def _upgrade(start: int) -> Customer:
    who = Subscribed("sub_upgrade", "cus_upgrade", STARTER, start)
    bigger = Subscribed("sub_upgrade", "cus_upgrade", TEAM, start)
    later = start + 10 * DAY
    session = checkout_session(who, "cs_test_upgrade", at=start + 2, invoice="in_upgrade_1")
    before, after = subscription(who, "active"), subscription(bigger, "active", period_start=start)
    first = paid_invoice(who, "in_upgrade_1", at=start, reason="subscription_create")
    rest = paid_invoice(bigger, "in_upgrade_2", at=later, amount=2000, reason="subscription_update")
    return Customer(
        "cus_upgrade",
        "comes through the checkout, then takes a bigger plan",
        (
            Post(event("checkout.session.completed", session, created=start + 2), "paid"),
            Post(event("customer.subscription.created", before, created=start), "active"),
            Post(event("invoice.paid", first, created=start + 1), "19.00 USD"),
            Post(
                event(
                    "customer.subscription.updated",
                    after,
                    created=later,
                    event_id="evt_upgrade",
                    previous={"items": before["items"]},
                ),
                "starter → team",
            ),
            Post(event("invoice.paid", rest, created=later + 1), "20.00 USD, prorated"),
        ),
        (
            # The checkout came first and waited: a session does not say what a period costs.
            Told("subscription.started", "subscription.started:sub_upgrade", 1900, "usd"),
            Told("payment.success", "payment.success:in_upgrade_1", 1900, "usd"),
            Told("subscription.updated", "subscription.updated:evt_upgrade", 4900, "usd"),
            Told("payment.success", "payment.success:in_upgrade_2", 2000, "usd"),
        ),
    )


def _recovery(start: int) -> Customer:
    who = Subscribed("sub_recovery", "cus_recovery", BASIS, start, quantity=3)
    renewal = start + MONTH
    active = subscription(who, "active")
    overdue = subscription(who, "past_due", period_start=renewal)
    again = subscription(who, "active", period_start=renewal)
    first = paid_invoice(who, "in_recovery_1", at=start, reason="subscription_create")
    declined = failed_invoice(who, "in_recovery_2", at=renewal + 60)
    declined_again = failed_invoice(who, "in_recovery_2", at=renewal + 3 * DAY, attempt=2)
    paid = paid_invoice(who, "in_recovery_2", at=renewal + 5 * DAY, attempts=3)
    return Customer(
        "cus_recovery",
        "has a card that is declined twice, then works",
        (
            Post(event("customer.subscription.created", active, created=start), "3 seats"),
            Post(event("invoice.paid", first, created=start + 1), "87.00 EUR"),
            Post(event("invoice.payment_failed", declined, created=renewal + 60), "attempt 1"),
            Post(
                event(
                    "customer.subscription.updated",
                    overdue,
                    created=renewal + 61,
                    event_id="evt_recovery_late",
                    previous={"status": "active", "items": active["items"]},
                ),
                "active → past_due",
            ),
            Post(event("invoice.payment_failed", declined_again, created=renewal + 3 * DAY), "attempt 2"),
            Post(event("invoice.paid", paid, created=renewal + 5 * DAY), "87.00 EUR"),
            Post(
                event(
                    "customer.subscription.updated",
                    again,
                    created=renewal + 5 * DAY + 1,
                    event_id="evt_recovery_good",
                    previous={"status": "past_due"},
                ),
                "past_due → active",
            ),
        ),
        (
            Told("subscription.started", "subscription.started:sub_recovery", 8700, "eur"),
            Told("payment.success", "payment.success:in_recovery_1", 8700, "eur"),
            Told("payment.failed", "payment.failed:in_recovery_2:1", 8700, "eur"),
            Told("subscription.updated", "subscription.updated:evt_recovery_late", 8700, "eur"),
            Told("payment.failed", "payment.failed:in_recovery_2:2", 8700, "eur"),
            Told("payment.success", "payment.success:in_recovery_2", 8700, "eur"),
            Told("subscription.updated", "subscription.updated:evt_recovery_good", 8700, "eur"),
        ),
    )


def _cancellation(start: int) -> Customer:
    who = Subscribed("sub_cancel", "cus_cancel", YEN, start)
    asked, end = start + 20 * DAY, start + MONTH
    leaving = subscription(who, "active", cancel_at_period_end=True, canceled_at=asked)
    gone = subscription(who, "canceled", canceled_at=asked, ended_at=end, reason="cancellation_requested")
    first = paid_invoice(who, "in_cancel_1", at=start, reason="subscription_create")
    previous = {"cancel_at": None, "cancel_at_period_end": False, "canceled_at": None}
    return Customer(
        "cus_cancel",
        "pays in a currency without cents and leaves after a month",
        (
            Post(
                event("customer.subscription.created", subscription(who, "active"), created=start), "active"
            ),
            Post(event("invoice.paid", first, created=start + 1), "9800 JPY"),
            Post(
                event(
                    "customer.subscription.updated",
                    leaving,
                    created=asked,
                    event_id="evt_cancel_asked",
                    previous=previous,
                ),
                "ends with the period",
            ),
            Post(event("customer.subscription.deleted", gone, created=end), "canceled"),
        ),
        (
            Told("subscription.started", "subscription.started:sub_cancel", 9800, "jpy"),
            Told("payment.success", "payment.success:in_cancel_1", 9800, "jpy"),
            Told("subscription.updated", "subscription.updated:evt_cancel_asked", 9800, "jpy"),
            Told("subscription.ended", "subscription.ended:sub_cancel", 9800, "jpy"),
        ),
    )


def _expiry(start: int) -> Customer:
    who = Subscribed("sub_expiry", "cus_expiry", TEAM, start)
    over = start + 23 * 3600
    unpaid = failed_invoice(who, "in_expiry_1", at=start + 5, reason="subscription_create")
    waiting = subscription(who, "incomplete", latest_invoice="in_expiry_1")
    expired = subscription(who, "incomplete_expired", ended_at=over, latest_invoice="in_expiry_1")
    return Customer(
        "cus_expiry",
        "never pays the first invoice, so nothing starts and nothing ends",
        (
            Post(event("customer.subscription.created", waiting, created=start), "incomplete"),
            Post(event("invoice.payment_failed", unpaid, created=start + 5), "attempt 1"),
            Post(
                event(
                    "customer.subscription.updated",
                    expired,
                    created=over,
                    event_id="evt_expiry_over",
                    previous={"status": "incomplete", "ended_at": None},
                ),
                "incomplete → incomplete_expired",
            ),
        ),
        (
            Told("payment.failed", "payment.failed:in_expiry_1:1", 4900, "usd"),
            Told("subscription.updated", "subscription.updated:evt_expiry_over", 4900, "usd"),
        ),
    )
