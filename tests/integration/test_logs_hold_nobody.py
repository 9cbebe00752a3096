"""No line that any process writes holds a person or a secret, whatever comes in and whatever goes wrong."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from confluent_kafka import Producer
from yarl import URL

from tests import stripe_shapes as shapes
from tests.collector import collector
from tests.road import OpenRoad, Road, eventually, signed

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
    # A line is the same on either broker.
    pytest.mark.parametrize("broker", ["tansu"], indirect=True),
]

NAME, EMAIL, PHONE = "Ada Quillfeather", "ada.quillfeather@example.org", "+4930555012345"
STREET, CARD = "17 Lantern Row", "4242424242424242"
PEOPLE = ("Quillfeather", EMAIL, EMAIL.replace("@", "%40"), PHONE, STREET, "Lantern", CARD)
OPENMETER_TOKEN, QUERY_TOKEN, COLLECTOR_TOKEN = "om_tok_5d3f", "query_tok_81aa", "otel_tok_77c2"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PERSON = {
    "name": NAME,
    "email": EMAIL,
    "phone": PHONE,
    "address": {"line1": STREET, "city": "Berlin", "postal_code": "10115"},
    "card": {"number": CARD},
}


def webhooks() -> list[bytes]:
    """Events of every kind that we tell, refuse, bury or ignore, all full of a person."""
    invoice: dict[str, Any] = {"customer_name": NAME, "customer_email": EMAIL, "customer_phone": PHONE}
    subscription = shapes.subscription(description=NAME, metadata={"email": EMAIL, "card": CARD})
    objects = [
        ("customer.subscription.created", subscription),
        ("checkout.session.completed", shapes.checkout_session(customer_details=PERSON)),
        ("invoice.paid", shapes.invoice(**invoice, customer_address=PERSON["address"])),
        ("invoice.payment_failed", shapes.unpaid_invoice("in_2", **invoice)),
        ("customer.updated", {"id": "cus_1", "object": "customer", **PERSON}),
        ("customer.subscription.updated", shapes.subscription(status=NAME, items=PERSON)),
        ("invoice.paid", shapes.invoice("in_3", currency=EMAIL, total=NAME, lines=[PERSON])),
        ("invoice.paid", shapes.invoice("in_4", customer=PERSON, subscription_id=EMAIL)),
        ("customer.subscription.deleted", {"object": "subscription", "id": None, **PERSON}),
    ]
    whole = [shapes.event(kind, one, event_id=f"evt_{n}") for n, (kind, one) in enumerate(objects)]
    thin = shapes.thin_event("v1.invoice.paid", {"id": "in_5", "type": "invoice", "url": f"/{EMAIL}"})
    return [shapes.body(one) for one in [*whole, whole[0], thin]]


async def refused(road: Road) -> None:
    """Post what the door does not take."""
    for body in (
        f"{NAME} <{EMAIL}>".encode(),
        json.dumps([PERSON]).encode(),
        json.dumps({"id": 7, "object": "event", "type": EMAIL, **PERSON}).encode(),
        json.dumps({"object": "event", "data": PERSON}).encode(),
        EMAIL.encode() + b"\xff\xfe",
    ):
        assert await road.post_once(body) == 400
    body = json.dumps(PERSON).encode()
    assert await road.post_once(body, {"Stripe-Signature": f"t=1,v1={EMAIL}"}) == 400
    assert await road.post_once(body, {"Stripe-Signature": signed(body, "whsec_wrong")}) == 400
    assert await road.post_once(body, path=f"/{EMAIL}") == 404
    url = URL(road.stack.webhook_url)
    for line in (
        f"POST /{EMAIL} HTTP/9.9",
        f"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\n{NAME}\x00: {EMAIL}",
    ):
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(line.encode() + b"\r\n\r\n")
        await writer.drain()
        await asyncio.wait_for(reader.read(200), 5)
        writer.close()


async def poisoned(road: Road) -> None:
    """Put onto both topics what never came through the door."""
    producer = Producer(
        {"bootstrap.servers": road.stack.setting("KAFKA_URL").removeprefix("kafka://"), "linger.ms": 0}
    )
    for topic in ("stripe.events", "billing.events"):
        for value in (
            f"{NAME} {EMAIL}",
            json.dumps(PERSON),
            json.dumps({"specversion": NAME, "data": EMAIL}),
        ):
            producer.produce(topic, value.encode(), EMAIL.encode(), headers=[("traceparent", EMAIL.encode())])
    assert await asyncio.to_thread(producer.flush, 20) == 0


async def asked(road: Road) -> None:
    """Ask the lifecycle worker, with its token and without."""
    url = road.stack.applications["lifecycle"].url
    async with aiohttp.ClientSession() as http:
        for token in (QUERY_TOKEN, "wrong", EMAIL):
            for path in ("v1/customers/cus_1/subscriptions", f"v1/customers/{EMAIL}/subscriptions"):
                headers = {"Authorization": f"Bearer {token}"}
                async with http.get(f"{url}/{path}", headers=headers) as answer:
                    await answer.read()


@pytest.mark.parametrize("form", ["json", "console"])
async def test_no_line_of_the_whole_road_holds_a_person_or_a_secret(
    form: str, open_road: OpenRoad, tmp_path: Path
) -> None:
    async with collector() as to:
        settings = {
            **to.settings,
            "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{COLLECTOR_TOKEN}",
            "OPENMETER_TOKEN": OPENMETER_TOKEN,
            "TOLLBRIDGE_QUERY_TOKEN": QUERY_TOKEN,
            "TOLLBRIDGE_LOG_FORMAT": form,
            "TOLLBRIDGE_LOG_LEVEL": "debug",
        }
        async with open_road(settings) as road:
            assert road.stack.sandbox is not None
            async with aiohttp.ClientSession() as http:
                fault = {"fail": {"status": 503, "times": 8}}
                await http.post(f"{road.stack.sandbox.url}/_control", json=fault)
            traceparent = f"00-{TRACE}-00f067aa0ba902b7-01"
            for body in webhooks():
                headers = {
                    "Stripe-Signature": signed(body, road.stack.secret),
                    "traceparent": traceparent,
                    "User-Agent": NAME,
                }
                assert await road.post_once(body, headers) == 200
            await asyncio.gather(refused(road), poisoned(road), asked(road))

            async def buried() -> str | None:
                letters = len(await road.dead_letters())
                return None if letters >= 3 + 2 * 3 + 1 else f"only {letters} dead letters"

            await eventually(buried)
            await eventually(lambda: _arrived(road))
            secrets = (road.stack.secret, OPENMETER_TOKEN, QUERY_TOKEN, COLLECTOR_TOKEN, "Bearer")
        sent = b"".join(to.bodies)
    for process in ("ingress", "lifecycle", "openmeter", "nats", "openmeter-sandbox"):
        written = (tmp_path / "logs" / f"{process}.log").read_text()
        for secret in (*PEOPLE, *secrets):
            assert secret not in written, f"{process}: {_around(written, secret)}"
    assert [one for one in (*PEOPLE, *secrets) if one.encode() in sent] == []
    if form == "json":
        assert_event_can_be_followed(tmp_path / "logs")


async def _arrived(road: Road) -> str | None:
    query = {"subject": "cus_1", "from": "2000-01-01T00:00:00Z"}
    url = f"{road.stack.setting('OPENMETER_URL')}/api/v1/events"
    async with aiohttp.ClientSession() as http, http.get(url, params=query) as answer:
        held = len(await answer.json())
    return None if held >= 3 else f"OpenMeter has {held} events"


def assert_event_can_be_followed(logs: Path) -> None:
    """Each line is JSON with what every line has, and one event is found in each process."""
    found: dict[str, list[dict[str, object]]] = {}
    for process in ("ingress", "lifecycle", "openmeter", "nats"):
        lines = [json.loads(line) for line in (logs / f"{process}.log").read_text().splitlines()]
        assert all({"event", "level", "timestamp", "process"} <= line.keys() for line in lines)
        assert {line["process"] for line in lines} == {process}
        found[process] = [line for line in lines if line.get("trace_id") == TRACE]
    accepted = next(one for one in found["ingress"] if one["event_id"] == "evt_0")
    decided = next(one for one in found["lifecycle"] if one["event_id"] == "evt_0")
    assert (accepted["event"], accepted["event_type"]) == (
        "webhook_accepted",
        "customer.subscription.created",
    )
    assert (decided["event"], decided["decision"]) == ("event_decided", "applied")
    for sink in ("openmeter", "nats"):
        assert any(one["event"] == "event_settled" and one["event_id"] == "evt_0" for one in found[sink])


def _around(written: str, secret: str) -> str:
    found = re.search(f".{{0,200}}{re.escape(secret)}.{{0,50}}", written)
    return found[0] if found else secret
