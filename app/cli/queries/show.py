"""Answers as tables for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.cli.queries.money import money

Document = Mapping[str, Any]

_STATUS = {
    "active": "green",
    "trialing": "green",
    "canceled": "bright_black",
    "incomplete_expired": "bright_black",
}
_OUTCOME = {
    "applied": "green",
    "replayed": "green",
    "rejected": "bold red",
    "deferred": "yellow",
    "stale": "yellow",
}


def show_subscription(console: Console, one: Document) -> None:
    """Write one subscription: a line for each thing that is known."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bright_black")
    table.add_column(overflow="fold")
    for name, value in _rows(one):
        table.add_row(name, value)
    console.print(table)


def show_customer(console: Console, answer: Document) -> None:
    """Write a customer's subscriptions, one a line."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bright_black")
    for name in ("subscription", "status", "plan", "amount", "period ends", "last payment"):
        table.add_column(name, overflow="fold")
    for one in answer["subscriptions"]:
        table.add_row(
            Text(one["id"]),
            _status(one),
            Text(_plan(one)),
            money(one.get("amount"), one.get("currency")),
            one.get("period_end") or "",
            _payment(one),
        )
    console.print(table)
    if answer["next"] is not None:
        console.print(Text(f"There are more: --after {answer['next']}", style="bright_black"), soft_wrap=True)


def show_timeline(console: Console, answer: Document) -> None:
    """Write the last decisions, oldest first."""
    where = (
        f"{answer['subscription']} of {answer['customer']}, partition {answer['partition']} of stripe.events"
    )
    console.print(Text(where, style="bright_black"), soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bright_black")
    table.add_column("offset", justify="right", no_wrap=True)
    for name in ("decided", "event", "type", "outcome", "why", "told"):
        table.add_column(name, overflow="fold")
    for one in answer["entries"]:
        times = f" x{one['times']}" if one["times"] > 1 else ""
        table.add_row(
            str(one["offset"]),
            one["decided_at"],
            Text(one["event"]),
            Text(one["type"]),
            Text(one["outcome"] + times, style=_OUTCOME.get(one["outcome"], "bright_black")),
            Text(one["reason"]),
            Text("\n".join(one["emitted"])),
        )
    console.print(table)


def _rows(one: Document) -> Iterator[tuple[str, Text | str]]:
    yield "subscription", Text(one["id"])
    yield "customer", Text(one["customer"])
    yield "account", Text(one["account"] or "the endpoint's own")
    yield "mode", "live" if one["livemode"] else "test"
    yield "status", _status(one)
    yield "told", ", ".join(name for name in ("started", "ended") if one[name]) or "nothing yet"
    if one.get("items"):
        yield "plan", Text(_plan(one))
        yield "amount", money(one["amount"], one["currency"])
        yield "period", f"{one['period_start'] or '?'} to {one['period_end'] or '?'}"
    for name in ("trial_end", "cancel_at", "canceled_at", "ended_at", "cancellation_reason", "paused_reason"):
        if one.get(name):
            yield name.replace("_", " "), Text(str(one[name]))
    if one.get("cancel_at_period_end"):
        yield "cancels", "at the period's end"
    if one.get("pause_collection"):
        pause = one["pause_collection"]
        yield "collection", Text(f"paused ({pause['behavior']}) until {pause['resumes_at'] or 'resumed'}")
    yield "last payment", _payment(one)


def _status(one: Document) -> Text:
    status = one["status"] or "not known yet"
    return Text(status, style=_STATUS.get(status, "yellow"))


def _plan(one: Document) -> str:
    name = one.get("plan_name") or one.get("plan") or ""
    quantity = one.get("quantity")
    more = len(one.get("items", ())) - 1
    times = "" if quantity in (None, 1) else f" x{quantity}"
    return f"{name}{times}" + (f" and {more} more" if more > 0 else "")


def _payment(one: Document) -> Text:
    payment = one["last_payment"]
    if payment is None:
        return Text("none", style="bright_black")
    style = "green" if payment["outcome"] == "paid" else "red"
    amount = money(payment["amount"], payment["currency"])
    return Text(f"{payment['outcome']} {amount} {payment['at']}", style=style)
