"""Times outside are RFC 3339 in UTC; inside they are Stripe's whole seconds since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from billing.shape import timestamp


@lru_cache(maxsize=4096)  # the facts of one event, and of one day, share their times
def rfc3339(seconds: int | None) -> str | None:
    """Return `seconds` since the epoch as 2026-10-28T12:00:00Z; None stays None."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19] + "Z"


def from_rfc3339(written: object) -> int | None:
    """Return the whole seconds of an RFC 3339 time, as thin events carry; None for anything else."""
    if not isinstance(written, str):
        return None
    try:
        moment = datetime.fromisoformat(written)
        return timestamp(int(moment.timestamp())) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
