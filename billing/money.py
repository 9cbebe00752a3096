"""Money is an integer in the currency's minor unit, with its currency beside it, exactly as Stripe says it.

JPY has no decimals and KWD has three; nothing here multiplies or divides by a hundred. Amounts finer than the
minor unit (`unit_amount_decimal`) stay decimal strings.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from billing.shape import integer, text


def currency(value: Any) -> str | None:
    """Return an ISO 4217 code in lower case, as Stripe writes it."""
    found = text(value)
    return found.lower() if found else None


def decimal(value: Any) -> str | None:
    """Return a decimal amount as the string it is, or None. Older versions and some SDKs send a number."""
    if isinstance(value, str):
        return text(value)
    return None if integer(value) is None else str(value)


def total(parts: Iterable[tuple[int | None, int | None]]) -> int | None:
    """Return the sum of amount times quantity; None when a part is unknown, tiered or metered."""
    summed = 0
    counted = False
    for amount, quantity in parts:
        if amount is None or quantity is None:
            return None
        summed += amount * quantity
        counted = True
    return integer(summed) if counted else None
