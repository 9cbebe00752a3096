"""One canonical reading of each object, whichever API version rendered it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from billing.checkout import read_checkout
from billing.invoice import Invoice, read_invoice
from billing.money import currency, decimal, total
from billing.subscription import MAX_ITEMS, Subscription, read_subscription
from tests.stripe_shapes import (
    MONTH,
    NOON,
    Json,
    before_basil,
    before_items,
    before_prices,
    checkout_session,
    invoice,
    item,
    line,
    listing,
    price,
    subscription,
)


def as_it_is(obj: Json) -> Json:
    return obj


SHAPES = pytest.mark.parametrize("shape", [as_it_is, before_basil, before_prices])
EVERY_SHAPE = pytest.mark.parametrize("shape", [as_it_is, before_basil, before_prices, before_items])
Shape = Callable[[Json], Json]


def sub(obj: Json) -> Subscription:
    reading = read_subscription(obj)
    assert reading is not None
    return reading


def inv(obj: Json) -> Invoice:
    reading = read_invoice(obj)
    assert reading is not None
    return reading


@EVERY_SHAPE
def test_a_subscription_reads_the_same_in_every_version(shape: Shape) -> None:
    reading = sub(shape(subscription(items=listing(item(quantity=3)))))
    assert (reading.id, reading.customer, reading.status, reading.currency) == (
        "sub_1",
        "cus_1",
        "active",
        "usd",
    )
    assert (reading.period_start, reading.period_end) == (NOON, NOON + MONTH)
    assert reading.amount == 8700
    first = reading.first
    assert first is not None
    assert (first.price, first.plan_name, first.product, first.quantity) == (
        "price_pro",
        "Pro",
        "prod_seat",
        3,
    )
    assert (first.unit_amount, first.unit_amount_decimal, first.currency) == (2900, "2900", "usd")
    assert (first.interval, first.interval_count) == ("month", 1)
    assert (first.period_start, first.period_end) == (NOON, NOON + MONTH)


@EVERY_SHAPE
def test_how_money_is_collected_reads_the_same_under_either_name(shape: Shape) -> None:
    reading = sub(shape(subscription(collection_method="send_invoice")))
    assert reading.collection_method == "send_invoice"


@EVERY_SHAPE
def test_a_trial_reads_the_same_in_every_version(shape: Shape) -> None:
    reading = sub(shape(subscription(status="trialing", trial_start=NOON, trial_end=NOON + 9)))
    assert (reading.status, reading.trial_start, reading.trial_end) == ("trialing", NOON, NOON + 9)


@EVERY_SHAPE
@pytest.mark.parametrize("status", ["paused", "unpaid", "incomplete", "incomplete_expired", "canceled"])
def test_every_status_reads_the_same_in_every_version(shape: Shape, status: str) -> None:
    reading = sub(shape(subscription(status=status)))
    assert reading.status == status
    assert reading.terminal == (status in {"canceled", "incomplete_expired"})


def test_a_plan_of_before_2018_has_a_name_of_its_own() -> None:
    old = before_items(subscription())
    old["plan"]["nickname"], old["plan"]["name"] = None, "Gold"
    reading = sub(old)
    assert reading.first is not None
    assert reading.first.plan_name == "Gold"


@SHAPES
def test_a_list_that_has_more_is_said_to_in_every_version(shape: Shape) -> None:
    reading = sub(shape(subscription(items=listing(item(), has_more=True))))
    assert (reading.has_more, reading.amount) == (True, None)
    assert inv(shape(invoice(lines=listing(line(), has_more=True)))).has_more


def test_items_with_different_periods_give_the_span_they_cover() -> None:
    early = item("si_1", start=NOON - 100, end=NOON + 50)
    late = item("si_2", start=NOON, end=NOON + 900)
    reading = sub(subscription(items=listing(early, late)))
    assert (reading.period_start, reading.period_end) == (NOON - 100, NOON + 900)
    assert [one.period_end for one in reading.items] == [NOON + 50, NOON + 900]


def test_the_new_path_wins_where_both_are() -> None:
    both = subscription(current_period_start=1, current_period_end=2)
    assert sub(both).period_end == NOON + MONTH
    assert inv(invoice() | {"subscription": "sub_old"}).subscription == "sub_1"


def test_a_status_that_nobody_has_seen_passes_through() -> None:
    assert sub(subscription(status="hibernating")).status == "hibernating"
    assert not sub(subscription(status="hibernating")).terminal


def test_more_items_than_the_event_holds_leave_the_amount_unknown() -> None:
    reading = sub(subscription(items=listing(item(), has_more=True)))
    assert reading.has_more
    assert reading.amount is None


def test_the_record_stays_bounded_however_many_items_there_are() -> None:
    reading = sub(subscription(items=listing(*(item(f"si_{n}") for n in range(500)))))
    assert len(reading.items) == MAX_ITEMS
    assert reading.has_more


@pytest.mark.parametrize(
    ("code", "unit", "quantity", "amount"),
    [("jpy", 500, 2, 1000), ("kwd", 12345, 1, 12345), ("usd", 0, 9, 0)],
)
def test_amounts_stay_in_the_minor_unit_whatever_its_decimals(
    code: str, unit: int, quantity: int, amount: int
) -> None:
    priced = item(price=price(currency=code, unit_amount=unit), quantity=quantity)
    reading = sub(subscription(currency=code, items=listing(priced)))
    assert (reading.amount, reading.currency) == (amount, code)


def test_a_price_finer_than_the_minor_unit_stays_a_decimal_string() -> None:
    fine = item(price=price(unit_amount=None, unit_amount_decimal="0.075"))
    reading = sub(subscription(items=listing(fine)))
    assert reading.first is not None
    assert reading.first.unit_amount_decimal == "0.075"
    assert reading.amount is None


def test_a_metered_price_has_no_amount_and_no_quantity() -> None:
    metered = item(price=price(unit_amount=None, unit_amount_decimal=None))
    del metered["quantity"]
    assert sub(subscription(items=listing(item(), metered))).amount is None


def test_currencies_are_never_added_up() -> None:
    mixed = listing(item(), item("si_2", price=price(currency="eur")))
    assert sub(subscription(items=mixed)).amount is None


def test_pauses_cancellations_and_pending_updates_are_read() -> None:
    reading = sub(
        subscription(
            status="paused",
            pause_collection={"behavior": "void", "resumes_at": NOON + 5},
            status_details={"paused": {"type": "subscription", "subscription": {"type": "pause_requested"}}},
            pending_update={"expires_at": NOON + 6, "subscription_items": []},
            cancel_at=NOON + 7,
            cancel_at_period_end=True,
            cancellation_details={"reason": "cancellation_requested"},
            schedule={"id": "sub_sched_1", "object": "subscription_schedule"},
        )
    )
    assert (reading.pause_behavior, reading.pause_resumes_at) == ("void", NOON + 5)
    assert reading.paused_reason == "pause_requested"
    assert reading.pending_update_expires_at == NOON + 6
    assert (reading.cancel_at, reading.cancel_at_period_end) == (NOON + 7, True)
    assert reading.cancellation_reason == "cancellation_requested"
    assert reading.schedule == "sub_sched_1"


@pytest.mark.parametrize("missing", ["id", "status"])
def test_an_object_without_id_or_status_is_no_subscription(missing: str) -> None:
    assert read_subscription(subscription() | {missing: None}) is None


def test_a_customer_account_stands_in_for_the_customer() -> None:
    assert sub(subscription(customer=None, customer_account="acct_c")).customer == "acct_c"


@EVERY_SHAPE
def test_an_invoice_reads_the_same_in_every_version(shape: Shape) -> None:
    reading = inv(shape(invoice()))
    assert (reading.id, reading.customer, reading.subscription) == ("in_1", "cus_1", "sub_1")
    assert (reading.amount_paid, reading.currency, reading.status) == (2900, "usd", "paid")
    assert (reading.billing_reason, reading.attempt) == ("subscription_cycle", 1)
    assert reading.paid_at == (None if shape is before_items else NOON)
    assert (reading.line.price, reading.line.product, reading.line.quantity) == ("price_pro", "prod_seat", 1)
    assert (reading.line.period_start, reading.line.period_end) == (NOON, NOON + MONTH)


def test_the_flags_of_before_statuses_read_as_a_status() -> None:
    old = before_items(invoice())
    assert inv(old | {"paid": False}).status == "open"
    assert inv(old | {"paid": False, "forgiven": True}).status == "uncollectible"
    del old["paid"]
    assert inv(old).status is None


def test_lines_of_two_subscriptions_name_neither_for_the_invoice() -> None:
    old = before_items(invoice(lines=listing(line(), line("il_2"))))
    old["lines"]["data"][1]["subscription"] = "sub_2"
    assert inv(old).subscription is None


def test_an_invoice_without_subscription_has_none() -> None:
    assert inv(invoice(subscription_id=None)).subscription is None
    quote = {"type": "quote_details", "quote_details": {"quote": "qt_1"}, "subscription_details": None}
    assert inv(invoice() | {"parent": quote}).subscription is None


def test_the_line_that_is_no_proration_says_what_an_invoice_is_for() -> None:
    lines = listing(
        line("il_1", price_id="price_old", proration=True, amount=-1000),
        line("il_2", price_id="price_new", proration=True, amount=5000),
        line("il_3", price_id="price_new", amount=4900),
    )
    assert inv(invoice(lines=lines)).line.amount == 4900


@SHAPES
def test_of_prorations_only_the_larger_is_the_new_price(shape: Shape) -> None:
    lines = listing(
        line("il_1", price_id="price_old", proration=True, amount=-1000),
        line("il_2", price_id="price_new", proration=True, amount=5000),
    )
    assert inv(shape(invoice(lines=lines))).line.price == "price_new"


def test_an_invoice_without_lines_has_its_own_period() -> None:
    reading = inv(invoice(lines=listing(has_more=True)))
    assert (reading.line.period_start, reading.line.period_end) == (NOON - MONTH, NOON)
    assert reading.has_more


def test_an_upcoming_invoice_has_no_id_and_is_none() -> None:
    upcoming = invoice()
    del upcoming["id"]
    assert read_invoice(upcoming) is None


@pytest.mark.parametrize(
    ("status", "payment_status", "settled"),
    [
        ("complete", "paid", True),
        ("complete", "no_payment_required", True),
        (None, "paid", True),
        ("complete", "unpaid", False),
        ("open", "paid", False),
        ("complete", "something_new", False),
    ],
)
def test_a_checkout_is_settled_when_complete_and_nothing_is_left_to_pay(
    status: str | None,
    payment_status: str,
    settled: bool,  # noqa: FBT001 - a column of the table
) -> None:
    reading = read_checkout(checkout_session(status=status, payment_status=payment_status))
    assert reading is not None
    assert reading.settled is settled


def test_a_checkout_says_what_it_was_for() -> None:
    reading = read_checkout(checkout_session(client_reference_id="user-7", subscription={"id": "sub_9"}))
    assert reading is not None
    assert (reading.subscription, reading.client_reference_id, reading.amount) == ("sub_9", "user-7", 2900)
    assert read_checkout(checkout_session(mode=None, subscription=None)) is None


@pytest.mark.parametrize(
    ("named", "mode"),
    [
        ({"subscription": "sub_1"}, "subscription"),
        ({"subscription": None, "payment_intent": "pi_1"}, "payment"),
        ({"subscription": None, "setup_intent": "seti_1"}, "setup"),
    ],
)
def test_a_session_of_before_2020_says_by_what_it_names_what_it_is_for(named: Json, mode: str) -> None:
    old = checkout_session(**named)
    for younger in ("mode", "payment_status", "status", "amount_total", "amount_subtotal", "currency"):
        del old[younger]
    reading = read_checkout(old)
    assert reading is not None
    assert (reading.mode, reading.settled) == (mode, True)


def test_money_is_read_exactly_or_not_at_all() -> None:
    assert currency("USD") == "usd"
    assert currency(840) is None
    assert decimal("12.3456789012345678901") == "12.3456789012345678901"
    assert decimal(1250) == "1250"
    assert decimal(0.1) is None
    assert total([]) is None
    assert total([(2, 3), (5, 1)]) == 11
    assert total([(2, 3), (None, 1)]) is None
    assert total([(2**53, 2)]) is None


def added(**changes: Any) -> Json:
    """A line that somebody added: a setup fee."""
    made = line("il_fee", price_id="price_setup", amount=9900, period={"start": NOON, "end": NOON}, **changes)
    details = {"invoice_item": "ii_1", "proration": False, "subscription": "sub_1"}
    made["parent"] = {
        "type": "invoice_item_details",
        "subscription_item_details": None,
        "invoice_item_details": details,
    }
    return made


def test_a_setup_fee_is_not_the_plan_however_large_it_is() -> None:
    read = inv(invoice(lines=listing(added(), line()))).line
    assert (read.price, read.period_end) == ("price_pro", NOON + MONTH)
    old = before_basil(invoice(lines=listing(line("il_fee", price_id="price_setup", amount=9900), line())))
    old["lines"]["data"][0]["type"] = "invoiceitem"
    assert inv(old).line.price == "price_pro"


def test_an_invoice_of_added_items_only_says_the_largest() -> None:
    assert inv(invoice(subscription_id=None, lines=listing(added()))).line.price == "price_setup"


def test_prices_of_different_intervals_are_never_added_up() -> None:
    yearly = item("si_2", price=price("price_year", recurring={"interval": "year", "interval_count": 1}))
    assert sub(subscription(items=listing(item(), yearly))).amount is None


def test_an_amount_in_the_prices_own_currency_is_not_told_in_the_subscriptions() -> None:
    assert sub(subscription(currency="jpy")).amount is None


@pytest.mark.parametrize("name", ["transform_quantity", "transform_usage"])
def test_a_price_for_a_package_is_not_multiplied_by_units(name: str) -> None:
    packed = price() | {name: {"divide_by": 100, "round": "up"}}
    assert sub(subscription(items=listing(item(price=packed, quantity=1000)))).amount is None


def test_a_plan_may_have_any_id_that_its_owner_chose() -> None:
    first = sub(subscription(items=listing(item(price=price("gold|monthly"))))).first
    assert first is not None
    assert first.price == "gold|monthly"
