"""Records as they stand on billing.events, and messages in hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from agents.protocols import Message


def cloud_event(number: int, *, customer: str = "cus_1", **changes: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"in_{number}:payment.success",
        "source": "acct_1",
        "type": "payment.success",
        "subject": customer,
        "time": "2026-11-20T10:00:00Z",
        "datacontenttype": "application/json",
        "data": {"livemode": True, "customer": customer, "amount": 4900 + number, "currency": "eur"},
    }
    event.update(changes)
    return {name: value for name, value in event.items() if value is not ...}


def billing_message(number: int, *, customer: str = "cus_1", partition: int = 0, **changes: Any) -> Message:
    """A message whose offset is `number`; a change of `...` leaves the attribute out."""
    return Message(
        topic="billing.events",
        partition=partition,
        offset=number,
        key=f"acct_1|live|{customer}".encode(),
        value=orjson.dumps(cloud_event(number, customer=customer, **changes)),
        headers={"content-type": b"application/cloudevents+json", "event-id": f"evt_{number}".encode()},
    )


@dataclass
class FakeHeld:
    """`agents.protocols.Held`, counting how often it was settled."""

    message: Message
    abandoned: bool = False
    settled: int = 0

    def settle(self) -> None:
        self.settled += 1


def hold(count: int, *, customers: int = 1, start: int = 0) -> list[FakeHeld]:
    return [
        FakeHeld(billing_message(number, customer=f"cus_{number % customers}"))
        for number in range(start, start + count)
    ]
