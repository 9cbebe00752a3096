"""What OpenMeter's answer means: which cure it calls for. Pure.

    2xx                                     accepted
    400 412 413 422                         Reject: something in the batch; it is cut in two until alone
    408 425 429 5xx                         Retry, with Retry-After where it is given
    401 403 and all others, HTML as well    Trip: the fault lies in the settings, not in an event

404, 405, 415 and redirects would be permanent for a single request, but they are the same for every
event: a mistyped OPENMETER_URL, or a proxy that answers for OpenMeter. Were they a Reject, a wrong address
would empty the topic into dead.letters. So the breaker opens, all waits in Kafka, and the reason is in
/readyz and the log. The same for a status that nobody has told us about.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import orjson

from agents.errors import Reject, Retry, Trip

REFUSED = frozenset({400, 412, 413, 422})
LATER = frozenset({408, 425, 429})
QUOTED = 500
"""Characters of an answer that go into a sentence."""


def judge(status: int, headers: Mapping[str, str], body: bytes, now: float) -> None:
    """Return when the batch was accepted; else raise Reject, Retry or Trip. `now` is the wall clock."""
    html = headers.get("content-type", "").startswith("text/html")
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES and not html:
        return
    said = f"OpenMeter answered {status}: {_quote(body)}"
    if status in REFUSED and not html:
        raise Reject("too_large" if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else "refused", said)
    if status in LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Retry(said, after=retry_after(headers.get("retry-after"), now))
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise Trip(f"{said} Look at OPENMETER_TOKEN: it is missing, wrong, or may not ingest events.")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        said = f"OpenMeter answered {status} and points to {headers.get('location', 'nowhere')!r}."
    raise Trip(
        f"{said} That concerns the address or the request, not an event, so nothing is dead-lettered. "
        "Look at OPENMETER_URL: events go to /api/v1/events below it."
    )


def retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for: a number or a date (RFC 9110 §10.2.3)."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _quote(body: bytes) -> str:
    """Return what a problem (RFC 7807) says, or the beginning of whatever it is, on one line."""
    try:
        problem: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        problem = None
    if isinstance(problem, dict):
        said = ": ".join(str(problem[name]) for name in ("title", "detail") if problem.get(name))
    else:
        said = body.decode(errors="replace")
    line = " ".join(said.split())[:QUOTED]
    return line if line.endswith((".", "!")) else f"{line or 'nothing'}."
