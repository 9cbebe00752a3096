"""The made-up events are what Stripe would send, as far as anything here could tell."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import stripe

from app.cli.stripe_events.envelope import make_id
from app.cli.stripe_events.samples import sample, sample_types
from app.cli.stripe_events.subscription import Plan, Subscribed
from billing.checkout import read_checkout
from billing.invoice import read_invoice
from billing.stripe_event import parse_event
from billing.subscription import read_subscription

WHO = Subscribed("sub_1", "cus_1", Plan(1900), 1_790_000_000, quantity=2, livemode=True)

# Gone since 2025-03-31.basil; an event that still had one would be in no shape that Stripe sends today.
GONE = {
    "subscription": {"current_period_start", "current_period_end", "discount", "plan"},
    "invoice": {"subscription", "paid", "charge", "payment_intent", "discount", "tax", "quote"},
    "checkout.session": {"shipping_details"},
}


def made(event_type: str) -> dict[str, Any]:
    return sample(event_type, WHO, at=WHO.created + 60)


@pytest.mark.parametrize("event_type", sample_types())
def test_the_envelope_is_a_snapshot_event_of_the_type_in_the_objects_mode(event_type: str) -> None:
    event = parse_event(orjson.dumps(made(event_type)))
    assert (event.type, event.livemode, event.thin) == (event_type, True, False)
    assert event.api_version == "2026-10-28.endive"
    assert event.account is None


@pytest.mark.parametrize("event_type", sample_types())
def test_stripes_own_library_reads_it(event_type: str) -> None:
    event = stripe.Event.construct_from(made(event_type), key=None)
    assert event.data.object["id"]


@pytest.mark.parametrize("event_type", sample_types())
def test_no_field_is_of_an_older_api(event_type: str) -> None:
    obj = made(event_type)["data"]["object"]
    assert not GONE[obj["object"]] & obj.keys()


def test_a_subscription_says_customer_price_quantity_and_amount() -> None:
    reading = read_subscription(made("customer.subscription.created")["data"]["object"])
    assert reading is not None
    assert (reading.customer, reading.status, reading.amount) == ("cus_1", "active", 3800)
    assert reading.period_end == WHO.created + 30 * 86400


def test_an_update_says_what_changed() -> None:
    data = made("customer.subscription.updated")["data"]
    assert data["previous_attributes"]["status"] == "past_due"
    assert data["object"]["status"] == "active"


def test_a_paid_and_a_failed_invoice_say_their_subscription_and_amounts() -> None:
    paid = read_invoice(made("invoice.paid")["data"]["object"])
    failed = read_invoice(made("invoice.payment_failed")["data"]["object"])
    assert paid is not None
    assert failed is not None
    assert (paid.subscription, paid.status, paid.amount_paid, paid.amount_remaining) == (
        "sub_1",
        "paid",
        3800,
        0,
    )
    assert (failed.status, failed.amount_paid, failed.amount_remaining, failed.attempt) == (
        "open",
        0,
        3800,
        1,
    )


def test_a_checkout_is_settled_and_names_its_subscription() -> None:
    checkout = read_checkout(made("checkout.session.completed")["data"]["object"])
    assert checkout is not None
    assert checkout.settled
    assert checkout.subscription == "sub_1"


def test_an_account_is_named_only_for_connect() -> None:
    assert sample("invoice.paid", WHO, at=1, account="acct_1")["account"] == "acct_1"


def test_ids_look_like_stripes_and_are_not_repeated() -> None:
    ids = {make_id("evt") for _ in range(100)}
    assert len(ids) == 100
    assert all(one.startswith("evt_1") and len(one) == 28 for one in ids)
