"""Reads single values out of a JSON document whose shape nobody promises.

Each function returns the value when it is what it should be, else None: a field that is missing, null or of
another type reads as "Stripe does not say". Nothing here raises. The bounds keep every record that is built
from these values bounded too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MAX_TEXT = 255  # Stripe's ids may have up to 255 characters
MAX_INTEGER = 2**53  # beyond it a consumer that reads JSON numbers as doubles would be wrong
MAX_TIMESTAMP = 253_402_300_800  # 10000-01-01: RFC 3339 has four digits for the year
EMPTY: Mapping[str, Any] = {}


def identifier(value: Any) -> str | None:
    """Return an id: 1 to 255 characters without "|", which separates the parts of our keys.

    Where Stripe put the whole object in place of its id (an expanded field), return the object's id.
    """
    if value is None:
        return None
    if isinstance(value, dict):
        value = value.get("id")
    if isinstance(value, str) and 0 < len(value) <= MAX_TEXT and "|" not in value:
        return value
    return None


def chosen_identifier(value: Any) -> str | None:
    """Return the id of a plan or a product, which its owner may have chosen: any characters, 255 at most.

    It is part of no key of ours. An expanded field reads as the object's id.
    """
    return text(value.get("id") if isinstance(value, dict) else value)


def text(value: Any) -> str | None:
    """Return a non-empty string, cut to 255 characters."""
    return value[:MAX_TEXT] if isinstance(value, str) and value else None


def integer(value: Any) -> int | None:
    """Return an integer of at most 2^53 either way; true and false are not integers."""
    if isinstance(value, int) and not isinstance(value, bool) and -MAX_INTEGER <= value <= MAX_INTEGER:
        return value
    return None


def timestamp(value: Any) -> int | None:
    """Return seconds since the Unix epoch that RFC 3339 can write."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_TIMESTAMP:
        return value
    return None


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a JSON object, or an empty one."""
    return value if isinstance(value, dict) else EMPTY


def sequence(value: Any) -> Sequence[Any]:
    """Return a JSON array, or an empty one."""
    return value if isinstance(value, list) else ()
