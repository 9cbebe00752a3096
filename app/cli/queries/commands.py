"""The three commands."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click
import orjson
from rich.console import Console

from app.cli.queries.ask import TOKEN, USUAL_URL, ask, path_of, worker_url
from app.cli.queries.show import show_customer, show_subscription, show_timeline
from app.cli.terminal import Terminal
from app.local.status_file import read_status

_EPILOG = (
    "The exit code is 0 for an answer, 1 when no event has told of it, 2 when the question or the token is "
    f"wrong, 3 when nobody can say now. The token comes from {TOKEN}."
)
_Command = Callable[..., None]


def _asks(name: str, summary: str) -> Callable[[_Command], click.Command]:
    """Make a command of a function that takes the id and these options."""

    def command(function: _Command) -> click.Command:
        for option in (
            click.option("--json", "as_json", is_flag=True, help="Write the answer as the worker gave it."),
            click.option(
                "--mode",
                type=click.Choice(("live", "test")),
                default="live",
                show_default=True,
                help="Its mode.",
            ),
            click.option(
                "--account",
                default="platform",
                show_default=True,
                help="Its connected account; platform is the endpoint's own.",
            ),
            click.option(
                "--url", help=f"A lifecycle worker. [default: the stack that runs here, or {USUAL_URL}]"
            ),
        ):
            function = option(function)
        return click.command(name, short_help=summary, epilog=_EPILOG)(function)

    return command


@_asks("subscription", "Say how a subscription stands.")
@click.argument("subscription")
def subscription(*, subscription: str, url: str | None, account: str, mode: str, as_json: bool) -> None:
    """Say how SUBSCRIPTION stands, as far as its events have told."""
    path = path_of("subscriptions", subscription)
    _answer(url, path, {"account": account, "mode": mode}, show_subscription, as_json=as_json)


@_asks("customer", "List a customer's subscriptions.")
@click.argument("customer")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many.")
@click.option("--after", help="Begin behind this subscription.")
def customer(
    *, customer: str, limit: int, after: str | None, url: str | None, account: str, mode: str, as_json: bool
) -> None:
    """List the subscriptions of CUSTOMER, by id."""
    query = {"account": account, "mode": mode, "limit": str(limit), **({"after": after} if after else {})}
    path = path_of("customers", customer, "subscriptions")
    _answer(url, path, query, show_customer, as_json=as_json)


@_asks("timeline", "Say what was decided on a subscription's events, and why.")
@click.argument("subscription")
def timeline(*, subscription: str, url: str | None, account: str, mode: str, as_json: bool) -> None:
    """Say what was decided on the last events about SUBSCRIPTION, why, and what was told of it."""
    path = path_of("subscriptions", subscription, "timeline")
    _answer(url, path, {"account": account, "mode": mode}, show_timeline, as_json=as_json)


def _answer(
    url: str | None,
    path: str,
    query: dict[str, str],
    show: Callable[[Console, dict[str, Any]], None],
    *,
    as_json: bool,
) -> None:
    found = ask(worker_url(url, read_status()), path, query, os.environ.get(TOKEN))
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    else:
        show(Terminal().console, found)
