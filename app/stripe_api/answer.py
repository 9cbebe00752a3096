"""What an answer of Stripe's API means: which cure it calls for. Pure.

    2xx                    the object
    404                    there is none; what that means is for the asker to say
    400 and other 4xx      Reject: this question can never be answered
    408 409 425 429 5xx    Retry, with Retry-After where it is given
    401 403, 3xx           Trip: the fault lies in the key or the address, not in the question

403 is Stripe's answer to a restricted key that lacks a right (https://docs.stripe.com/keys): it is the same
for every question of its kind, and so it must not empty a topic into the dead letters.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import orjson

from agents.errors import Reject, Retry, Trip
from agents.protocols import StripeAnswer
from app.openmeter.answer import retry_after

LATER = frozenset({408, 409, 425, 429})
QUOTED = 300


def judge(status: int, headers: Mapping[str, str], body: bytes, now: float) -> StripeAnswer:
    """Return the answer; else raise Reject, Retry or Trip. `now` is the wall clock, for want of Stripe's."""
    at = _date(headers.get("date"), now)
    if status == HTTPStatus.NOT_FOUND:
        return StripeAnswer(None, at)
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return StripeAnswer(body, at)
    said = f"Stripe answered {status}: {_message(body)}"
    if status in LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Retry(said, after=retry_after(headers.get("retry-after"), now))
    if status == HTTPStatus.UNAUTHORIZED:
        raise Trip(f"{said} Look at STRIPE_API_KEY: it is wrong, expired or revoked.")
    if status == HTTPStatus.FORBIDDEN:
        raise Trip(
            f"{said} Look at STRIPE_API_KEY: it may not read this. It needs to read events, subscriptions, "
            "invoices and checkout sessions."
        )
    if status < HTTPStatus.BAD_REQUEST:
        raise Trip(f"{said} Look at STRIPE_API_BASE: whoever answers there is not Stripe's API.")
    raise Reject("unreadable", said)


def _date(value: str | None, now: float) -> int:
    try:
        return int(parsedate_to_datetime(value or "").timestamp())
    except ValueError:
        return int(now)


def _message(body: bytes) -> str:
    """Return `error.message` of Stripe's answer on one line; a body that is none of Stripe's says nothing."""
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "no words of Stripe's."
    error = found.get("error") if isinstance(found, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    if not isinstance(message, str) or not message:
        return "no words of Stripe's."
    line = " ".join(message.split())[:QUOTED]
    return line if line.endswith((".", "!")) else f"{line}."
