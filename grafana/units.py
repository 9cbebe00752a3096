"""Values as Grafana writes them, for the pictures."""

from __future__ import annotations

from collections.abc import Sequence

_SECONDS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs"))
_BYTES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B"))
_COUNTS = ((1e6, " Mil"), (1e3, " K"), (1, ""))
_SUFFIX = {"reqps": " req/s", "ops": " /s"}


def shown(value: float, unit: str, decimals: int | None = None) -> str:
    """Return `value` in the words of Grafana's `unit`."""
    if unit == "percentunit":
        return f"{_digits(value * 100, decimals)}%"
    if unit == "s":
        return "0 s" if value == 0 else _scaled(value, _SECONDS, decimals, " ")
    if unit == "bytes":
        return _scaled(value, _BYTES, decimals, " ")
    if unit == "none":
        return _digits(value, decimals)
    return _scaled(value, _COUNTS, decimals, "") + _SUFFIX.get(unit, "")


def _scaled(value: float, scales: Sequence[tuple[float, str]], decimals: int | None, gap: str) -> str:
    factor, name = next((scale for scale in scales if abs(value) >= scale[0]), scales[-1])
    if value == 0 or unscaled(value, scales):
        factor, name = next(scale for scale in scales if scale[0] == 1)
    return f"{_digits(value / factor, decimals)}{gap}{name}".rstrip()


def unscaled(value: float, scales: Sequence[tuple[float, str]]) -> bool:
    """Say whether `value` is smaller than the smallest scale, so that none fits."""
    return abs(value) < scales[-1][0]


def _digits(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"  # noqa: PLR2004 - three digits, or all before the point
