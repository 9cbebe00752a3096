"""Whether a sink holds exactly what it should. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.cli.demo.holdings import Holding
from app.cli.demo.story import Customer


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that a sink holds otherwise than it should."""

    customer: str
    sink: str
    fact: str
    wrong: str


def expected(customers: Iterable[Customer]) -> list[Holding]:
    """Return what a sink must hold of all customers."""
    return [
        Holding(customer.id, told.type, told.id, told.amount, told.currency, told.livemode, told.superseded)
        for customer in customers
        for told in customer.told
    ]


def differences(sink: str, wanted: Sequence[Holding], held: Sequence[Holding]) -> list[Difference]:
    """Return how `held` differs from `wanted`, each held exactly once; empty when it does not."""
    found = []
    for one, count in (Counter(wanted) - Counter(held)).items():
        others = [other for other in held if _same_fact(one, other)]
        wrong = f"is held as {_say(others[0])}" if others else "is missing"
        found.append(Difference(one.subject, sink, one.id, f"{_say(one)} {wrong}" + _times(count)))
    for one, count in (Counter(held) - Counter(wanted)).items():
        if one in wanted:
            found.append(Difference(one.subject, sink, one.id, f"is held {count + 1} times"))
        elif not any(_same_fact(one, other) for other in wanted):
            found.append(
                Difference(one.subject, sink, one.id, f"{_say(one)} should not be there{_times(count)}")
            )
    return found


def covers(wanted: Sequence[Holding], held: Sequence[Holding]) -> bool:
    """Say whether every wanted fact has arrived, whatever it says."""
    arrived = {(one.subject, one.id, one.livemode) for one in held}
    return all((one.subject, one.id, one.livemode) in arrived for one in wanted)


def _same_fact(one: Holding, other: Holding) -> bool:
    return (one.subject, one.id, one.livemode) == (other.subject, other.id, other.livemode)


def _say(one: Holding) -> str:
    mode = "live" if one.livemode else "test"
    late = ", superseded" if one.superseded else ""
    return f"{one.type} {one.amount} {one.currency} ({mode}{late})"


def _times(count: int) -> str:
    return f", {count} times" if count > 1 else ""
