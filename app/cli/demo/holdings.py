"""What OpenMeter and NATS hold, read back from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import nats
import orjson
from nats.js.errors import NotFoundError

EPOCH = "1970-01-01T00:00:01Z"
PAGE = 100


@dataclass(frozen=True, slots=True)
class Holding:
    """One event that a sink holds."""

    subject: str
    type: str
    id: str
    amount: int | None
    currency: str | None
    livemode: bool
    superseded: bool


async def openmeter_holds(client: httpx.AsyncClient, url: str) -> list[Holding]:
    """Return the events that OpenMeter lists (GET /api/v1/events, a page: the demo makes fewer)."""
    answer = await client.get(f"{url}/api/v1/events", params={"from": EPOCH, "limit": PAGE})
    answer.raise_for_status()
    return [_holding(entry["event"]) for entry in answer.json()]


async def nats_holds(url: str, stream: str) -> list[Holding]:
    """Return the messages of the JetStream stream, in order; a stream that is not there holds none."""
    connection = await nats.connect(url)
    try:
        context = connection.jetstream()
        try:
            state = (await context.stream_info(stream)).state
        except NotFoundError:
            return []
        messages = [await context.get_msg(stream, number) for number in range(1, state.last_seq + 1)]
        return [_holding(orjson.loads(message.data or b"{}")) for message in messages]
    finally:
        await connection.close()


def _holding(event: dict[str, Any]) -> Holding:
    data = event["data"]
    return Holding(
        event["subject"],
        event["type"],
        event["id"],
        data.get("amount"),
        data.get("currency"),
        livemode=event["source"].endswith("/live"),
        superseded=data.get("superseded", False),
    )
