"""Facts as CloudEvents, and the record of a subscription as bytes."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from billing.cloudevent import encode, to_cloudevent
from billing.decide import Known, Policy, decide
from billing.facts import Fact
from billing.position import Position
from billing.state import SubscriptionState
from billing.stripe_event import parse_event
from billing.timestamps import from_rfc3339, rfc3339
from tests.stripe_shapes import NOON, body, event, invoice, item, listing, subscription


def a_fact(**envelope: Any) -> Fact:
    parsed = parse_event(body(event("customer.subscription.created", subscription(), **envelope)))
    (fact,) = decide(parsed, Position("t", 0, 0), NOON, Known({}, None), Policy()).facts
    return fact


def a_state(**changes: Any) -> SubscriptionState:
    parsed = parse_event(
        body(event("customer.subscription.updated", subscription(**changes), previous={"status": "x"}))
    )
    state = decide(parsed, Position("t", 0, 0), NOON, Known({}, None), Policy()).subscription
    assert state is not None
    paid = parse_event(body(event("invoice.paid", invoice(), event_id="evt_2")))
    state = decide(paid, Position("t", 0, 1), NOON, Known({}, state), Policy()).subscription
    assert state is not None
    return state


def test_a_cloudevent_has_the_required_attributes_and_no_extensions() -> None:
    told = to_cloudevent(a_fact())
    assert {name: told[name] for name in told if name != "data"} == {
        "specversion": "1.0",
        "id": "subscription.started:sub_1",
        "source": "https://stripe.com/accounts/platform/live",
        "type": "subscription.started",
        "subject": "cus_1",
        "time": "2026-10-29T12:00:00Z",
        "datacontenttype": "application/json",
    }
    assert isinstance(told["data"], dict)


def test_its_data_holds_all_that_a_meter_needs() -> None:
    data = json.loads(encode(a_fact()))["data"]
    assert data == {
        "customer": "cus_1",
        "subscription": "sub_1",
        "status": "active",
        "previous_status": None,
        "plan": "price_pro",
        "plan_name": "Pro",
        "price": "price_pro",
        "product": "prod_seat",
        "quantity": 1,
        "amount": 2900,
        "currency": "usd",
        "period_start": "2026-10-29T12:00:00Z",
        "period_end": "2026-11-28T12:00:00Z",
        "invoice": "in_1",
        "attempt": None,
        "billing_reason": None,
        "zero_amount": False,
        "superseded": False,
        "livemode": True,
        "account": None,
        "stripe_event_id": "evt_1",
        "stripe_event_type": "customer.subscription.created",
        "cancel_at_period_end": False,
    }


def test_source_and_id_together_differ_by_account_and_mode() -> None:
    told = [
        to_cloudevent(a_fact(account=account, livemode=livemode))
        for account in (None, "acct_1")
        for livemode in (True, False)
    ]
    assert len({one["id"] for one in told}) == 1
    assert len({one["source"] for one in told}) == 4


def test_an_account_that_is_no_uri_is_quoted() -> None:
    assert to_cloudevent(a_fact(account="a b/c"))["source"] == "https://stripe.com/accounts/a%20b%2Fc/live"


def test_a_prefix_goes_before_the_type() -> None:
    assert to_cloudevent(a_fact(), type_prefix="com.example.")["type"] == "com.example.subscription.started"


def test_a_facts_key_is_its_id_with_account_and_mode() -> None:
    assert a_fact(account="acct_1", livemode=False).key == "acct_1|test|subscription.started:sub_1"


def test_times_are_rfc3339_in_utc() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00Z"
    assert rfc3339(None) is None
    assert rfc3339(253_402_300_799) == "9999-12-31T23:59:59Z"


@pytest.mark.parametrize(
    "written", ["2026-10-29T12:00:00Z", "2026-10-29T12:00:00.999Z", "2026-10-29T14:00:00+02:00"]
)
def test_rfc3339_is_read_in_any_zone(written: str) -> None:
    assert from_rfc3339(written) == NOON


@pytest.mark.parametrize("written", ["2026-10-29T12:00:00", "noon", "0001-01-01T00:00:00+01:00", 7, None])
def test_a_time_without_zone_or_sense_is_none(written: object) -> None:
    assert from_rfc3339(written) is None


def test_a_record_survives_its_encoding() -> None:
    state = a_state(status="paused")
    assert SubscriptionState.decode(state.encode()) == state


@pytest.mark.parametrize("encoded", [b"", b"{}", b"[]", b"[1]", b"null", b"[1,2,3,4,5,6,7,8,9]", b"nonsense"])
def test_what_is_no_record_is_refused(encoded: bytes) -> None:
    with pytest.raises(ValueError, match="not a record of the subscriptions table"):
        SubscriptionState.decode(encoded)


def test_a_record_of_another_schema_is_refused_by_its_number() -> None:
    newer = orjson.dumps([99, *orjson.loads(a_state().encode())[1:]])
    with pytest.raises(ValueError, match="schema 99; this version reads 1"):
        SubscriptionState.decode(newer)


def test_a_record_stays_bounded_however_much_happens() -> None:
    state = None
    many = listing(*(item(f"si_{n}") for n in range(20)))
    for n in range(200):
        built = event(
            "customer.subscription.updated",
            subscription(items=many, schedule=f"s_{n}"),
            event_id=f"evt_{n:03}",
            created=NOON + n // 50,
            previous={"schedule": f"s_{n - 1}"},
        )
        state = decide(
            parse_event(body(built)), Position("t", 0, n), NOON, Known({}, state), Policy()
        ).subscription
    assert state is not None
    assert len(state.encode()) < 65536


def test_a_view_says_what_is_known_in_words_and_times() -> None:
    view = a_state(pause_collection={"behavior": "void", "resumes_at": None}).view()
    assert orjson.dumps(view)
    assert (view["status"], view["started"], view["ended"]) == ("active", True, False)
    assert view["pause_collection"] == {"behavior": "void", "resumes_at": None}
    assert view["last_payment"]["outcome"] == "paid"
    assert view["items"][0]["period_end"] == "2026-11-28T12:00:00Z"
