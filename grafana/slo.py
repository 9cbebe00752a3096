"""What Tollbridge promises, as ratios of errors, and how fast a promise's budget may burn.

The windows and factors are those of the Google SRE workbook's chapter on alerting on SLOs, for a budget of
30 days: 14.4 times over an hour spends 2 % of it, 6 times over six hours 5 %, 3 times over a day 10 %,
once over three days 10 %. The short window beside each ends the alert soon after the trouble.
"""

from __future__ import annotations

from dataclasses import dataclass

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
RECORD = "tollbridge:slo_errors:ratio_rate"
FAILED = "overloaded|not_acknowledged|not_ready"
"""Outcomes that are our fault: Stripe will send the webhook again, later than its sender meant it."""
LATE_AFTER = 30.0
"""Seconds from a webhook's receipt to a sink's acknowledgement; a bucket's bound of the histogram."""
FEW = 10
"""Errors in the long window below which nobody is woken: one of three webhooks at night is no trend."""


@dataclass(frozen=True, slots=True)
class Slo:
    """A promise. `ratio` and `errors` are PromQL with `%s` for the window; `by` are their labels."""

    name: str
    objective: float
    by: str
    ratio: str
    errors: str

    @property
    def budget(self) -> float:
        """The share of errors that is allowed."""
        return round(1 - self.objective, 6)

    def record(self, window: str) -> str:
        """Return the recorded ratio over `window`, as alerts and dashboards select it."""
        return f'{RECORD}{window}{{slo="{self.name}"}}'


_RECEIVED = "stripe_webhooks_received_total"
_ROAD = "tollbridge_receipt_to_sink_seconds"

AVAILABILITY = Slo(
    name="availability",
    objective=0.999,
    by="",
    ratio=(
        f'sum(rate({_RECEIVED}{{outcome=~"{FAILED}"}}[%s]))'
        f' / (sum(rate({_RECEIVED}{{outcome=~"accepted|{FAILED}"}}[%s])) > 0)'
    ),
    errors=f'sum(increase({_RECEIVED}{{outcome=~"{FAILED}"}}[%s]))',
)
LATENCY = Slo(
    name="latency",
    objective=0.99,
    by="sink",
    ratio=(
        f'1 - sum by (sink) (rate({_ROAD}_bucket{{le="{LATE_AFTER}"}}[%s]))'
        f" / (sum by (sink) (rate({_ROAD}_count[%s])) > 0)"
    ),
    errors=(
        f'sum by (sink) (increase({_ROAD}_count[%s])) - sum by (sink) (increase({_ROAD}_bucket{{le="{LATE_AFTER}"}}[%s]))'
    ),
)
SLOS = (AVAILABILITY, LATENCY)


@dataclass(frozen=True, slots=True)
class Burn:
    """The budget burns `factor` times as fast as it may, over both windows."""

    factor: float
    short: str
    long: str


PAGE = (Burn(14.4, "5m", "1h"), Burn(6, "30m", "6h"))
TICKET = (Burn(3, "2h", "1d"), Burn(1, "6h", "3d"))


def burns(slo: Slo, rates: tuple[Burn, ...]) -> str:
    """Return PromQL that is true while one of `rates` holds and the errors are not just a few."""
    on = f"on ({slo.by})"
    return "\nor\n".join(
        f"(\n  {slo.record(burn.long)} > {burn.factor:g} * {slo.budget:g}\n"
        f"  and {slo.record(burn.short)} > {burn.factor:g} * {slo.budget:g}\n"
        f"  and {on} {slo.errors.replace('%s', burn.long)} >= {FEW}\n)"
        for burn in rates
    )
