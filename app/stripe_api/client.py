"""Stripe's API through httpx.

Not through the stripe package: it would turn the bytes into objects of its own, decimals and all, and retry
behind our breaker's back. A GET needs three headers.
"""

from __future__ import annotations

import asyncio
from typing import Literal

import httpx

from agents.clock import Clock
from agents.errors import Reject, Retry, Trip
from agents.protocols import StripeAnswer
from app.settings import Settings
from app.stripe_api.answer import judge

API_VERSION = "2026-10-28.endive"
"""The version in which objects are read; a fetched snapshot event keeps its own."""
LARGEST_ANSWER = 4 << 20
CONNECTIONS = 16
_MODES: dict[str, Literal["live", "test"]] = {"live": "live", "test": "test"}


class StripeApi:
    """Fulfils `agents.protocols.StripeReader`."""

    def __init__(self, http: httpx.AsyncClient, base: str, clock: Clock, timeout: float) -> None:
        """Read through `http`. `timeout` is for a whole request, so a slow drip of an answer ends too."""
        self._http = http
        self._base = base.rstrip("/")
        self._clock = clock
        self._timeout = timeout

    async def get(self, path: str, context: str | None) -> StripeAnswer:
        """Read `path` in the account that `context` names. Raises Reject, Retry or Trip."""
        headers = {} if context is None else {"stripe-context": context}
        try:
            async with asyncio.timeout(self._timeout):
                status, answered, body = await self._get(self._base + path, headers)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError) as error:
            raise Trip(f"No request can be made to STRIPE_API_BASE ({self._base}): {error}.") from error
        except TimeoutError as error:
            raise Retry(f"Stripe did not answer within {self._timeout:g} s.") from error
        except httpx.RequestError as error:
            raise Retry(f"Stripe cannot be reached: {type(error).__name__} {error}") from error
        return judge(status, answered, body, self._clock.now())

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _get(self, url: str, headers: dict[str, str]) -> tuple[int, httpx.Headers, bytes]:
        async with self._http.stream("GET", url, headers=headers) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise Reject("too_large", f"Stripe's answer has more than {LARGEST_ANSWER} bytes")
            return response.status_code, response.headers, bytes(body)


def connect(settings: Settings, clock: Clock) -> StripeApi:
    """Return a client as `settings` say, which must hold a key; it connects when it is first used."""
    key = settings.stripe_api_key
    if key is None:
        raise ValueError("there is no STRIPE_API_KEY")
    host = httpx.URL(settings.stripe_api_base).host
    http = httpx.AsyncClient(
        headers={"authorization": f"Bearer {key.get_secret_value()}", "stripe-version": API_VERSION},
        timeout=settings.stripe_api_timeout,
        limits=httpx.Limits(max_connections=CONNECTIONS),
        follow_redirects=False,
        trust_env=host not in {"127.0.0.1", "localhost", "::1"},
    )
    return StripeApi(http, settings.stripe_api_base, clock, settings.stripe_api_timeout)


def readable_modes(settings: Settings) -> frozenset[Literal["live", "test"]]:
    """Return the modes whose objects the configured key can read; its own prefix says which."""
    key = settings.stripe_api_key
    if key is None:
        return frozenset()
    parts = key.get_secret_value().split("_")[:4]
    named = frozenset(_MODES[part] for part in parts if part in _MODES)
    return named or frozenset({"live", "test"})
