"""How the demo ends: a table a customer, then the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.cli.demo.decisions import Entries
from app.cli.demo.holdings import Holding
from app.cli.demo.poster import Answered
from app.cli.demo.report import show_customer, show_differences
from app.cli.demo.story import Customer
from app.cli.demo.verdict import Difference, differences, expected
from app.cli.terminal import Terminal


def conclude(
    terminal: Terminal,
    customers: Sequence[Customer],
    answers: Mapping[str, Sequence[Answered]],
    held: Mapping[str, Sequence[Holding]],
    entries: Entries,
) -> int:
    """Write the tables and the verdict; return 0 only if every answer and every sink is as expected."""
    for customer in customers:
        show_customer(terminal.console, customer, answers[customer.id], held, entries)
    wanted = expected(customers)
    wrong = [
        _misjudged(customer, one)
        for customer in customers
        for one in answers[customer.id]
        if not one.as_expected
    ]
    for sink, found in held.items():
        wrong += differences(sink, wanted, found)
    terminal.say("")
    if wrong:
        show_differences(terminal.console, wrong)
        terminal.say("Not all is as it should be.", "bold red")
        return 1
    sinks = " and ".join(held)
    terminal.say(f"{sinks} hold exactly the {len(wanted)} facts that they should, once each.", "bold green")
    return 0


def _misjudged(customer: Customer, one: Answered) -> Difference:
    wrong = f"answered {one.answer.status}, not {one.post.answer}: {one.answer.body}"
    return Difference(customer.id, "ingress", str(one.post.event["id"]), wrong)
