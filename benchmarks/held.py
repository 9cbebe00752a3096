"""What the two sinks hold, asked of themselves: how many events, and when each came."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Self

import httpx
import nats
import orjson
from nats.aio.client import Client
from nats.js.errors import NotFoundError

CUSTOMER_LIMIT = 100
"""Events in one answer of OpenMeter at most."""
FETCH = 200
FETCH_SECONDS = 5.0


class Held:
    """A connection to each sink. Times are unix seconds, as the sinks wrote them down."""

    def __init__(self, nats_url: str, openmeter_url: str, stream: str) -> None:
        """Take where they are, and the name of the JetStream stream."""
        self._nats_url = nats_url
        self._stream = stream
        self._http = httpx.AsyncClient(base_url=openmeter_url, trust_env=False)
        self._nats = Client()

    async def __aenter__(self) -> Self:
        self._nats = await nats.connect(self._nats_url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._nats.close()
        await self._http.aclose()

    async def counts(self) -> tuple[int, int]:
        """Return how many events OpenMeter and NATS hold."""
        answer = await self._http.get("/healthz")
        try:
            info = await self._nats.jetstream().stream_info(self._stream)
        except NotFoundError:
            return answer.json()["events"], 0
        return answer.json()["events"], info.state.messages

    async def openmeter_times(self, customers: list[str]) -> Mapping[str, float]:
        """Return by Stripe event when OpenMeter ingested the last that it told of `customers`."""
        times: dict[str, float] = {}
        for customer in customers:
            answer = await self._http.get(
                "/api/v1/events", params={"subject": customer, "limit": CUSTOMER_LIMIT}
            )
            for item in answer.json():
                at = datetime.fromisoformat(item["ingestedAt"]).timestamp()
                cause = item["event"]["data"]["stripe_event_id"]
                times[cause] = max(at, times.get(cause, 0.0))
        return times

    async def nats_times(self, first: int) -> Mapping[str, float]:
        """Return by Stripe event when NATS stored the last that it told, from sequence `first` on."""
        jetstream = self._nats.jetstream()
        last = (await jetstream.stream_info(self._stream)).state.last_seq
        times: dict[str, float] = {}
        for sequence in range(first, last + 1):
            stored = await jetstream.get_msg(self._stream, sequence)
            assert stored.time is not None  # noqa: S101 - the server always says
            cause = orjson.loads(stored.data or b"")["data"]["stripe_event_id"]
            times[cause] = max(stored.time.timestamp(), times.get(cause, 0.0))
        return times
