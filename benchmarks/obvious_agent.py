"""The obvious agent, as the documentation of Faust would have one write it. A reference, wrong on purpose.

    python -m benchmarks.obvious_agent worker -l warn --without-web

It does the same work as the lifecycle worker as far as Kafka is concerned: two tables with their changelogs
and a CloudEvent for each event that means something. It is what a day's work gives, and it loses data: its
`if id in seen` drops an event whose outputs were never sent when a crash made Kafka deliver it again; Faust
commits an event whether or not its changelog records arrived. Do not copy it.

Its settings are Faust's own, but for the interval of its commits and the session timeout, which are the
lifecycle worker's, so that the two are measured alike.
"""

from __future__ import annotations

import os
from typing import Any

import faust

PARTITIONS = int(os.environ.get("OBVIOUS_PARTITIONS", "8"))

app = faust.App(
    os.environ.get("OBVIOUS_GROUP", "obvious"),
    broker=os.environ.get("OBVIOUS_KAFKA", "kafka://127.0.0.1:9092"),
    datadir=os.environ.get("OBVIOUS_DATA", ".tollbridge/obvious"),
    store="rocksdb://?driver=rocksdict",
    topic_partitions=PARTITIONS,
    topic_replication_factor=1,
    topic_disable_leader=True,
    broker_commit_interval=float(os.environ.get("OBVIOUS_COMMIT_INTERVAL", "0.25")),
    broker_session_timeout=float(os.environ.get("OBVIOUS_SESSION_TIMEOUT", "20")),
    broker_heartbeat_interval=float(os.environ.get("OBVIOUS_HEARTBEAT_INTERVAL", "3")),
)

stripe_events = app.topic(
    os.environ.get("OBVIOUS_SOURCE", "stripe.events"), key_type=bytes, key_serializer="raw"
)
billing_events = app.topic(
    os.environ.get("OBVIOUS_OUTPUT", "obvious.billing.events"), key_type=bytes, key_serializer="raw"
)
seen = app.Table("seen", default=bool, partitions=PARTITIONS)
subscriptions = app.Table("subscriptions", default=dict, partitions=PARTITIONS)

MEANING = {
    "checkout.session.completed": "subscription.started",
    "customer.subscription.updated": "subscription.updated",
    "customer.subscription.deleted": "subscription.ended",
    "invoice.paid": "payment.success",
    "invoice.payment_failed": "payment.failed",
}


@app.agent(stripe_events)
async def lifecycle(stream: Any) -> None:
    """Dedupe, remember, tell."""
    async for event in stream.events():
        stripe_event = event.value
        if stripe_event["id"] in seen:
            continue
        seen[stripe_event["id"]] = True
        found = stripe_event["data"]["object"]
        customer = found.get("customer") or found["id"]
        if found["object"] == "subscription":
            subscriptions[customer] = {
                "id": found["id"],
                "status": found["status"],
                "price": found["items"]["data"][0]["price"]["id"],
                "quantity": found["items"]["data"][0]["quantity"],
                "by": stripe_event["id"],
            }
        meaning = MEANING.get(stripe_event["type"])
        if meaning is None:
            continue
        state = subscriptions.get(customer) or {}
        await billing_events.send(
            key=event.key,
            value={
                "specversion": "1.0",
                "id": stripe_event["id"],
                "source": "https://stripe.com/accounts/platform/live",
                "type": meaning,
                "subject": customer,
                "data": {
                    "customer": customer,
                    "subscription": state.get("id"),
                    "status": state.get("status"),
                    "price": state.get("price"),
                    "quantity": state.get("quantity"),
                    "amount": found.get("amount_paid"),
                    "currency": found.get("currency"),
                    "stripe_event_id": stripe_event["id"],
                },
            },
        )


if __name__ == "__main__":
    app.main()
