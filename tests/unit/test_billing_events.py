"""The envelope, the partition key and the memory of positions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from billing.partition_key import partition_key
from billing.position import Position
from billing.seen import Seen, Sighting, sighting
from billing.stripe_event import MalformedEvent, parse_event
from tests.stripe_shapes import (
    API_VERSION,
    NOON,
    Json,
    body,
    checkout_session,
    event,
    invoice,
    subscription,
    thin_event,
)


def key(built: Json) -> bytes:
    return partition_key(parse_event(body(built)))


def test_an_event_is_read_as_it_came() -> None:
    built = event(
        "customer.subscription.updated", subscription(), account="acct_1", previous={"status": "incomplete"}
    )
    built["context"] = "acct_1"
    read = parse_event(body(built))
    assert (read.id, read.type, read.created, read.livemode) == ("evt_1", built["type"], NOON, True)
    assert (read.account, read.context, read.api_version, read.thin) == (
        "acct_1",
        "acct_1",
        API_VERSION,
        False,
    )
    assert read.object == built["data"]["object"]
    assert read.previous_attributes == {"status": "incomplete"}


def test_a_type_and_a_field_that_nobody_has_seen_are_fine() -> None:
    built = event("moon.landed", {"object": "moon"}) | {"new_field": [1]}
    assert parse_event(body(built)).type == "moon.landed"


def test_a_thin_event_names_its_object() -> None:
    built = thin_event("v1.invoice.paid", {"id": "in_1", "type": "invoice", "url": "/v1/invoices/in_1"})
    read = parse_event(body(built))
    assert read.thin
    assert read.created == NOON
    assert read.object["id"] == "in_1"
    assert partition_key(read) == b"platform|live|in_1"


def test_a_thin_event_about_nothing_with_an_id_is_fine() -> None:
    built = thin_event("v2.core.health.event_generation_failure.resolved", {})
    built["related_object"] = None
    assert key(built) == b"platform|live|evt_thin_1"


GOOD: Json = event("invoice.paid", invoice())


@pytest.mark.parametrize(
    ("given", "problem", "words"),
    [
        (b"\xff\xfe{}", "not_utf8", "not UTF-8"),
        (b'{"id": "evt_1"', "not_json", "not JSON"),
        (b"", "not_json", "not JSON"),
        (b"[]", "not_an_object", "not an object"),
        (b"{}", "wrong_shape", "id must be a string"),
        (body(GOOD | {"id": 7}), "wrong_shape", "id must be a string"),
        (body(GOOD | {"id": ""}), "wrong_shape", "id must be a string"),
        (body(GOOD | {"id": "a|b"}), "wrong_shape", "without '|'"),
        (body(GOOD | {"id": "x" * 256}), "wrong_shape", "255 characters"),
        (body(GOOD | {"id": {"id": "evt_1"}}), "wrong_shape", "id must be a string"),
        (body(GOOD | {"type": None}), "wrong_shape", "type must be a string"),
        (body(GOOD | {"created": "yesterday"}), "wrong_shape", "created must be seconds"),
        (body(GOOD | {"created": True}), "wrong_shape", "created must be seconds"),
        (body(GOOD | {"created": 10**18}), "wrong_shape", "created must be seconds"),
        (body(GOOD | {"livemode": "yes"}), "wrong_shape", "livemode must be true or false"),
        (body(GOOD | {"account": 5}), "wrong_shape", "account must be a string"),
        (body(GOOD | {"object": "invoice"}), "wrong_shape", "object must be"),
        (body(GOOD | {"data": None}), "wrong_shape", "data must be an object"),
        (body(GOOD | {"data": {"object": []}}), "wrong_shape", "data.object must be an object"),
        (body(thin_event("v1.x", {}) | {"created": "2026-10-29"}), "wrong_shape", "RFC 3339"),
    ],
)
def test_what_is_no_event_says_what_is_wrong(given: bytes, problem: str, words: str) -> None:
    with pytest.raises(MalformedEvent, match=words) as caught:
        parse_event(given)
    assert caught.value.problem == problem


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (subscription(), b"platform|live|cus_1"),
        (invoice(), b"platform|live|cus_1"),
        (checkout_session(), b"platform|live|cus_1"),
        (invoice(customer={"id": "cus_9", "object": "customer"}), b"platform|live|cus_9"),
        (invoice(customer=None, customer_account="acct_c"), b"platform|live|acct_c"),
        ({"object": "customer", "id": "cus_7"}, b"platform|live|cus_7"),
        ({"object": "price", "id": "price_1"}, b"platform|live|price_1"),
        ({"object": "invoice", "customer": "cus_1"}, b"platform|live|cus_1"),
        ({"object": "balance"}, b"platform|live|evt_1"),
        (invoice(customer="a|b"), b"platform|live|in_1"),
    ],
)
def test_the_key_is_the_customer_else_the_object_else_the_event(obj: Json, expected: bytes) -> None:
    assert key(event("some.type", obj)) == expected


def test_account_and_mode_have_keys_of_their_own() -> None:
    keys = {
        key(event("invoice.paid", invoice(), account=account, livemode=livemode))
        for account in (None, "acct_1", "acct_2")
        for livemode in (True, False)
    }
    assert len(keys) == 6
    assert b"acct_1|test|cus_1" in keys


@pytest.mark.parametrize("rewritten", [{"indent": 2}, {"sort_keys": True}])
def test_the_key_does_not_depend_on_how_the_json_is_written(rewritten: dict[str, Any]) -> None:
    built = event("invoice.paid", invoice())
    assert partition_key(parse_event(json.dumps(built, **rewritten).encode())) == key(built)


HERE = Position("stripe.events", 3, 41)


def test_the_same_position_is_a_replay_and_another_a_duplicate() -> None:
    seen = Seen(HERE, NOON)
    assert sighting(None, HERE) is Sighting.FIRST
    assert sighting(seen, HERE) is Sighting.REPLAY
    for other in (
        Position("stripe.events", 3, 42),
        Position("stripe.events", 4, 41),
        Position("other", 3, 41),
    ):
        assert sighting(seen, other) is Sighting.DUPLICATE


def test_a_sighting_survives_its_encoding() -> None:
    assert Seen.decode(Seen(HERE, NOON).encode()) == Seen(HERE, NOON)


@pytest.mark.parametrize("encoded", [b"", b"{}", b"[1,2]", b"7", b"nonsense"])
def test_what_is_no_sighting_is_refused(encoded: bytes) -> None:
    with pytest.raises(ValueError, match="not a record of the seen table"):
        Seen.decode(encoded)
