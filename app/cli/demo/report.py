"""The demo's tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.cli.demo.decisions import Entries, decided
from app.cli.demo.holdings import Holding
from app.cli.demo.poster import Answered
from app.cli.demo.story import Customer
from app.cli.demo.verdict import Difference, expected

_ZERO_DECIMAL = frozenset({"jpy"})


def money(amount: int | None, currency: str | None) -> str:
    """Return an amount as people write it; nothing when it is not known."""
    if amount is None or currency is None:
        return "-"
    if currency in _ZERO_DECIMAL:
        return f"{amount} {currency.upper()}"
    return f"{amount // 100}.{amount % 100:02d} {currency.upper()}"


def show_customer(
    console: Console,
    customer: Customer,
    answers: Sequence[Answered],
    held: Mapping[str, Sequence[Holding]],
    entries: Entries,
) -> None:
    """Write what Stripe said of a customer, what was decided, and what each sink holds."""
    console.print()
    console.print(Text.assemble((customer.id, "bold cyan"), f" {customer.story}"))
    said = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("Stripe said", "", "answer"):
        said.add_column(column, no_wrap=True)
    said.add_column("decided", overflow="fold")
    for answered, words in zip(answers, decided(answers, entries), strict=True):
        said.add_row(
            str(answered.post.event["type"]),
            answered.post.note,
            Text(str(answered.answer.status), style="green" if answered.as_expected else "bold red"),
            words,
        )
    console.print(said)
    wanted = expected([customer])
    sinks = {name: [one for one in all_held if one.subject == customer.id] for name, all_held in held.items()}
    console.print(_holdings(wanted, sinks) if wanted or any(sinks.values()) else "Nothing is to be told.")


def _holdings(wanted: list[Holding], sinks: dict[str, list[Holding]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("expected fact", overflow="fold")
    table.add_column("amount", justify="right")
    for name in sinks:
        table.add_column(f"in {name}")
    counts = {name: Counter(held) for name, held in sinks.items()}
    strangers = [one for held in sinks.values() for one in held if one not in wanted]
    for one in [*wanted, *dict.fromkeys(strangers)]:
        marks = [_mark(counts[name][one], wanted=one in wanted) for name in sinks]
        extra = (" live mode" if one.livemode else "") + (" superseded" if one.superseded else "")
        fact = Text.assemble(one.id, (extra, "yellow"))
        table.add_row(fact, money(one.amount, one.currency), *marks)
    return table


def _mark(count: int, *, wanted: bool) -> Text:
    if wanted and count == 1:
        return Text("once", style="green")
    if not wanted:
        return Text("not expected" if count else "", style="bold red")
    return Text("missing" if count == 0 else f"{count} times", style="bold red")


def show_differences(console: Console, found: Sequence[Difference]) -> None:
    """Write what is otherwise than it should be."""
    table = Table(title="Otherwise than it should be", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("customer", "where", "fact", "what is wrong"):
        table.add_column(column, overflow="fold")
    for one in found:
        table.add_row(one.customer, one.sink, one.fact, one.wrong)
    console.print(table)
