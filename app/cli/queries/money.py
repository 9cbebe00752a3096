"""Amounts as people write them."""

from __future__ import annotations

# Stripe, "Zero-decimal currencies" and "Three-decimal currencies".
_NO_MINOR_UNIT = frozenset(
    {
        *("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga"),
        *("pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"),
    }
)
_THOUSANDTHS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})


def money(amount: int | None, currency: str | None) -> str:
    """Return an amount in minor units as 29.00 USD; ? when it is not known."""
    if amount is None or currency is None:
        return "?"
    digits = 0 if currency in _NO_MINOR_UNIT else 3 if currency in _THOUSANDTHS else 2
    whole, rest = divmod(abs(amount), 10**digits)
    fraction = f".{rest:0{digits}}" if digits else ""
    return f"{'-' if amount < 0 else ''}{whole}{fraction} {currency.upper()}"
