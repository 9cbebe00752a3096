"""One trace goes with a webhook from the door through Kafka to both sinks, into a real collector."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import nats
import orjson
import pytest
from nats.js.api import ConsumerConfig, DeliverPolicy

from tests import stripe_shapes as shapes
from tests.collector import Collector, Span, collector
from tests.road import OpenRoad, Road, eventually, fact_key, signed
from tests.town import bodies, town

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
    # What is between the brokers is a record's header; one broker shows it.
    pytest.mark.parametrize("broker", ["tansu"], indirect=True),
]

THEIRS = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
ROAD = {
    "ingress: POST /webhooks/stripe",
    "ingress: send stripe.events",
    "lifecycle: process stripe.events",
    "lifecycle: send billing.events",
    "openmeter: process billing.events",
    "openmeter: deliver openmeter",
    "nats: process billing.events",
    "nats: deliver nats",
}
MARK = "Ada Lovelace"


def created(number: int) -> bytes:
    made = shapes.subscription(
        f"sub_{number}", customer=f"cus_{number}", latest_invoice=f"in_{number}", description=MARK
    )
    return shapes.body(shapes.event("customer.subscription.created", made, event_id=f"evt_{number}"))


def paid(number: int) -> bytes:
    invoice = shapes.invoice(f"in_{number}", subscription_id=f"sub_{number}", customer=f"cus_{number}")
    return shapes.body(shapes.event("invoice.paid", invoice, event_id=f"evt_paid_{number}"))


def thin(number: int) -> bytes:
    related = {"id": f"sub_{number}", "type": "subscription", "url": f"/v1/subscriptions/sub_{number}"}
    return shapes.body(shapes.thin_event("v1.customer.subscription.updated", related))


async def post(road: Road, body: bytes, traceparent: str | None = None) -> None:
    headers = {"Stripe-Signature": signed(body, road.stack.secret)}
    if traceparent is not None:
        headers["traceparent"] = traceparent
    assert await road.post_once(body, headers) == 200


async def gathered(to: Collector, event_id: str, names: set[str]) -> dict[str, Span]:
    """Wait until the trace of the event that the door named has `names`."""

    def door() -> list[Span]:
        return [s for s in to.spans if s.kind == "server" and s.notes.get("tollbridge.event.id") == event_id]

    async def missing() -> str | None:
        if not door():
            return "no webhook was traced"
        left = names - to.trace(door()[0].trace).keys()
        return f"{sorted(left)} are missing" if left else None

    await eventually(missing)
    (begin,) = door()
    return to.trace(begin.trace)


async def nats_headers(road: Road) -> dict[str, dict[str, str]]:
    """The headers of each message that the stream holds, by the event's subject."""
    connection = await nats.connect(road.stack.setting("NATS_URL"))
    try:
        config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
        reader = await connection.jetstream().pull_subscribe(">", stream="BILLING_EVENTS", config=config)
        found = await reader.fetch(100, timeout=1)
        return {orjson.loads(one.data)["subject"]: dict(one.headers or {}) for one in found}
    finally:
        await connection.close()


def assert_is_the_road(trace: dict[str, Span], caller: str) -> None:
    assert trace.keys() == ROAD
    parents = {
        "ingress: POST /webhooks/stripe": caller,
        "ingress: send stripe.events": trace["ingress: POST /webhooks/stripe"].id,
        "lifecycle: process stripe.events": trace["ingress: send stripe.events"].id,
        "lifecycle: send billing.events": trace["lifecycle: process stripe.events"].id,
        "openmeter: process billing.events": trace["lifecycle: send billing.events"].id,
        "openmeter: deliver openmeter": trace["openmeter: process billing.events"].id,
        "nats: process billing.events": trace["lifecycle: send billing.events"].id,
        "nats: deliver nats": trace["nats: process billing.events"].id,
    }
    assert {name: span.parent for name, span in trace.items()} == parents
    assert {name: span.kind for name, span in trace.items()} == {
        name: "server"
        if "POST" in name
        else "producer"
        if "send" in name
        else "consumer"
        if "process" in name
        else "client"
        for name in ROAD
    }
    assert not any(span.error for span in trace.values())
    assert not any(span.links for span in trace.values())


async def test_a_webhook_is_one_trace_from_the_door_to_both_sinks(open_road: OpenRoad) -> None:
    async with collector() as to:
        secret = "tok_of_the_collector"
        settings = {**to.settings, "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{secret}"}
        async with open_road(settings) as road:
            await post(road, created(1), f"00-{THEIRS}-{CALLER}-01")
            theirs = await gathered(to, "evt_1", ROAD)
            assert_is_the_road(theirs, CALLER)
            assert {span.trace for span in theirs.values()} == {THEIRS}

            await post(road, created(2))
            ours = await gathered(to, "evt_2", ROAD)
            assert_is_the_road(ours, "")
            assert {span.trace for span in to.spans} == {THEIRS, ours["nats: deliver nats"].trace}

            for trace, event_id in ((theirs, "evt_1"), (ours, "evt_2")):
                decided = trace["lifecycle: process stripe.events"].notes
                assert decided["tollbridge.event.id"] == event_id
                assert decided["tollbridge.event.type"] == "customer.subscription.created"
                assert (decided["tollbridge.decision"], decided["tollbridge.facts"]) == ("applied", 1)
                assert trace["ingress: POST /webhooks/stripe"].notes["http.response.status_code"] == 200
                assert trace["openmeter: process billing.events"].notes["tollbridge.event.id"] == event_id
            headers = await nats_headers(road)
            assert {who: one["traceparent"] for who, one in headers.items()} == {
                "cus_1": f"00-{THEIRS}-{theirs['nats: deliver nats'].id}-01",
                "cus_2": f"00-{ours['nats: deliver nats'].trace}-{ours['nats: deliver nats'].id}"
                + headers["cus_2"]["traceparent"][-3:],
            }

            await post(road, thin(3))
            buried = await gathered(to, "evt_thin_1", {"lifecycle: send dead.letters"})
            letter = buried["lifecycle: send dead.letters"]
            assert letter.parent == buried["ingress: send stripe.events"].id
            assert letter.notes["tollbridge.reason"] == "thin_event"
            assert buried["lifecycle: process stripe.events"].notes["tollbridge.decision"] == "rejected"
        assert to.authorizations == {f"Bearer {secret}"}
        assert not any(MARK.encode() in body for body in to.bodies)


async def test_one_request_for_many_traces_is_linked_with_each_both_ways(open_road: OpenRoad) -> None:
    async with collector() as to:
        settings = {**to.settings, "TOLLBRIDGE_OPENMETER_BATCH_AGE": "3"}
        async with open_road(settings) as road:
            await asyncio.gather(*(post(road, created(number)) for number in range(5)))
            whole = ROAD - {"openmeter: deliver openmeter"}
            traces = [await gathered(to, f"evt_{number}", whole) for number in range(5)]
            requests = [span for span in to.spans if span.name == "deliver openmeter"]
            assert sum(int(one.notes["messaging.batch.message_count"]) for one in requests) == 5
            assert len(requests) < 5
            carried = {trace["openmeter: process billing.events"].context for trace in traces}
            for request in requests:
                assert (request.trace, request.parent) in carried
                for span in to.spans:
                    if span.context in request.links:
                        assert span.context in carried
                        assert request.context in span.links
            linked = {context for request in requests for context in request.links}
            assert linked | {(request.trace, request.parent) for request in requests} == carried


@pytest.mark.parametrize("fault", ["nobody there", "503", "it hangs"])
async def test_a_collector_that_is_down_changes_nothing_on_the_road(
    fault: str, open_road: OpenRoad, tmp_path: Path
) -> None:
    history = town(seed=12, customers=8)
    async with collector() as to:
        to.status, to.hangs = 503, fault == "it hangs"
        settings: dict[str, Any] = {**to.settings, "OTEL_BSP_MAX_QUEUE_SIZE": "64"}
        settings["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"] = "32"
        settings["OTEL_EXPORTER_OTLP_TIMEOUT"] = "1"
        if fault == "nobody there":
            settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:1"
        async with open_road(settings) as road:
            await road.post(bodies(history))
            await road.settled(history.facts)
            told = [fact_key(event) for event in await road.billing_events()]
            assert sorted(told) == sorted(history.facts)
            assert await road.dead_letters() == []
            processes = list(road.stack.applications.values())
        assert [part.returncode for part in processes] == [0, 0, 0, 0]
    for process in ("ingress", "lifecycle", "openmeter", "nats"):
        log = (tmp_path / "logs" / f"{process}.log").read_text()
        assert log.count("trace_export_failed") == 1
        assert "Traceback" not in log
