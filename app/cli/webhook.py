"""Sign an event as Stripe does and post it to an ingress."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

import httpx


class NobodyThere(Exception):  # noqa: N818 - says what is the case
    """No ingress answers at the address; the text says which address and what to do."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an ingress said."""

    status: int
    body: str

    @property
    def accepted(self) -> bool:
        """Whether Stripe would call it delivered."""
        return httpx.codes.is_success(self.status)


def signature_header(body: bytes, secret: str, at: int) -> str:
    """Return the Stripe-Signature header for `body` sent at `at`, in seconds since the Unix epoch.

    Stripe, "Verify webhook signatures": HMAC-SHA256 over `<t>.<body>` with the whole `whsec_…` as the key.
    """
    digest = hmac.new(secret.encode(), b"%d.%s" % (at, body), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


async def post(client: httpx.AsyncClient, url: str, body: bytes, signature: str) -> Answer:
    """Post one webhook. Raises NobodyThere when no answer comes."""
    headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
    try:
        answer = await client.post(url, content=body, headers=headers)
    except httpx.ConnectError as error:
        raise NobodyThere(
            f"no ingress answers at {url}; start one with `tollbridge up`, or name another with --url"
        ) from error
    except httpx.TransportError as error:
        raise NobodyThere(f"the connection to {url} broke off: {type(error).__name__}") from error
    return Answer(answer.status_code, answer.text)


def new_client() -> httpx.AsyncClient:
    """Return a client; a 503 while Kafka is away takes the ingress eight seconds by default."""
    return httpx.AsyncClient(timeout=30.0)
