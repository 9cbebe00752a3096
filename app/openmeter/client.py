"""OpenMeter's ingest API (v1) through httpx."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx

from agents.clock import Clock
from agents.errors import Retry, Stop, Trip
from app.openmeter.answer import judge
from app.settings import Settings

PATH = "/api/v1/events"
CONTENT_TYPE = "application/cloudevents-batch+json"
"""Compared by OpenMeter as a whole string: with a charset behind it the answer is 400."""
ANSWER_BYTES = 16_384
"""Bytes of an answer that are read; a 204 has none, a problem has a few hundred."""


class OpenMeterClient:
    """Fulfils `agents.protocols.MeterSink`."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, clock: Clock, timeout: float) -> None:
        """Send through `http`. `timeout` is for a whole request, so a slow drip of an answer ends too."""
        self._http = http
        self._url = base_url.rstrip("/") + PATH
        self._clock = clock
        self._timeout = timeout

    async def ingest(self, events: Sequence[bytes]) -> None:
        """Send `events` (structured CloudEvents) as one batch. Raises Reject, Retry or Trip."""
        body = b"[" + b",".join(events) + b"]"
        try:
            async with asyncio.timeout(self._timeout):
                status, headers, answer = await self._post(body)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError) as error:
            raise Trip(f"No request can be made to OPENMETER_URL ({self._url}): {error}.") from error
        except TimeoutError as error:
            raise Retry(f"OpenMeter did not answer within {self._timeout:g} s.") from error
        except httpx.RequestError as error:
            raise Retry(f"OpenMeter cannot be reached: {type(error).__name__} {error}") from error
        judge(status, headers, answer, self._clock.now())

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _post(self, body: bytes) -> tuple[int, httpx.Headers, bytes]:
        headers = {"content-type": CONTENT_TYPE}
        async with self._http.stream("POST", self._url, content=body, headers=headers) as response:
            answer = b""
            async for chunk in response.aiter_bytes():
                answer += chunk
                if len(answer) >= ANSWER_BYTES:
                    break
            return response.status_code, response.headers, answer[:ANSWER_BYTES]


def connect(settings: Settings, clock: Clock) -> OpenMeterClient:
    """Return a client as `settings` say; it connects when it is first used. Raises Stop for no address."""
    token = settings.openmeter_token
    try:
        url = httpx.URL(settings.openmeter_url)
    except httpx.InvalidURL as error:
        raise Stop(f"OPENMETER_URL is no address: {error}. It looks like http://127.0.0.1:8888.") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise Stop(f"OPENMETER_URL ({url}) is no http(s) address. It looks like http://127.0.0.1:8888.")
    here = url.host in {"127.0.0.1", "localhost", "::1"}
    http = httpx.AsyncClient(
        headers={"authorization": f"Bearer {token.get_secret_value()}"} if token else {},
        timeout=settings.openmeter_timeout,
        limits=httpx.Limits(max_connections=settings.openmeter_concurrency),
        follow_redirects=False,
        trust_env=not here,  # a proxy in the environment is for the world outside, not for this machine
    )
    return OpenMeterClient(http, settings.openmeter_url, clock, settings.openmeter_timeout)
