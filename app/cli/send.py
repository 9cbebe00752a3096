"""`tollbridge send`: sign Stripe events and post them to an ingress."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import click
import orjson

from app.cli.event_files import BadFile, read_event_file, read_events
from app.cli.stripe_events.samples import sample, sample_types
from app.cli.stripe_events.subscription import Plan, Subscribed
from app.cli.webhook import Answer, NobodyThere, new_client, post, signature_header
from app.local.status_file import Status, read_status
from app.settings import SECRET_PREFIX

WEBHOOKS = "/webhooks/stripe"
USUAL_URL = f"http://127.0.0.1:8080{WEBHOOKS}"


@click.command(short_help="Sign Stripe events and post them to an ingress.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option(
    "--type", "event_type", metavar="TYPE", help="Make an event of this type, such as invoice.paid."
)
@click.option("--customer", default="cus_local", show_default=True, help="Its customer.")
@click.option("--subscription", default="sub_local", show_default=True, help="Its subscription.")
@click.option("--amount", default=2900, show_default=True, help="Its amount in minor units (cents).")
@click.option("--currency", default="usd", show_default=True, help="Its currency.")
@click.option("--price", default="price_starter", show_default=True, help="Its price.")
@click.option("--quantity", default=1, show_default=True, help="Its quantity.")
@click.option("--account", help="Its connected account, for Stripe Connect.")
@click.option("--live", is_flag=True, help="Make it a live-mode event.")
@click.option("--url", help=f"The ingress. [default: the stack that runs here, or {USUAL_URL}]")
@click.option(
    "--secret-env",
    metavar="NAME",
    help=f"The variable that holds the signing secret. [default: the running stack's, or {SECRET_PREFIX}]",
)
def send(
    *,
    files: tuple[Path, ...],
    event_type: str | None,
    customer: str,
    subscription: str,
    amount: int,
    currency: str,
    price: str,
    quantity: int,
    account: str | None,
    live: bool,
    url: str | None,
    secret_env: str | None,
) -> None:
    """Sign Stripe events and post them to an ingress.

    The events come from FILES (one JSON event, or one a line; - is the standard input), or --type makes one.
    Each answer is printed. The exit code is 0 when all were accepted, 1 when not.

    The signing secret is never an argument: arguments are visible to others and stay in the shell's history.
    """
    if bool(files) == bool(event_type):
        raise click.UsageError("give either files or --type")
    status = read_status()
    target, secret = target_of(url, status), secret_of(url, secret_env, status, os.environ)
    who = Subscribed(
        subscription, customer, Plan(amount, currency, price), int(time.time()), quantity, livemode=live
    )
    try:
        bodies = (
            [make(event_type, who, account)]
            if event_type
            else [body for path in files for body in _read(path)]
        )
        accepted = asyncio.run(_send(target, secret, bodies, click.echo))
    except (BadFile, NobodyThere) as error:
        raise click.ClickException(str(error)) from error
    if not accepted:
        raise SystemExit(1)


def make(event_type: str, who: Subscribed, account: str | None) -> bytes:
    """Return a sample event's body. Raises click.UsageError for a type that there is no sample of."""
    if event_type not in sample_types():
        raise click.UsageError(
            f"--type {event_type} cannot be made here; these can: {', '.join(sample_types())}. "
            "Any other event can be sent from a file."
        )
    return orjson.dumps(sample(event_type, who, at=who.created, account=account))


def target_of(url: str | None, status: Status | None) -> str:
    """Return where to post: `url`, with the usual path if it has none; else the stack that runs here."""
    if url is None:
        return status.webhook_url if status else USUAL_URL
    if urlsplit(url).scheme not in ("http", "https"):
        raise click.UsageError(f"--url {url} must begin with http:// or https://")
    return f"{url.rstrip('/')}{WEBHOOKS}" if urlsplit(url).path in ("", "/") else url


def secret_of(
    url: str | None, name: str | None, status: Status | None, environment: Mapping[str, str]
) -> str:
    """Return the secret: the named variable's; for the stack that runs here its own; the usual variable's.

    Of several secrets (one is being rolled) it is the first. Raises click.UsageError when there is none.
    """
    if name is None and url is None and status is not None and status.secret is not None:
        return status.secret
    variable = name or SECRET_PREFIX
    secret = environment.get(variable, "").split(",", maxsplit=1)[0].strip()
    if not secret:
        raise click.UsageError(
            f"no signing secret: {variable} is empty"
            + ("" if name or url else ", and no stack runs here (`tollbridge up` starts one)")
        )
    return secret


async def _send(url: str, secret: str, bodies: Iterable[bytes], say: Callable[[str], None]) -> bool:
    accepted = True
    async with new_client() as client:
        for body in bodies:
            answer = await post(client, url, body, signature_header(body, secret, int(time.time())))
            say(describe(body, answer))
            accepted = accepted and answer.accepted
    return accepted


def describe(body: bytes, answer: Answer) -> str:
    """Return one line: the status, the event's id and type, and what the ingress said."""
    event = orjson.loads(body)
    known = event if isinstance(event, dict) else {}
    what = f"{known.get('id', 'no id')} {known.get('type', 'no type')}"
    return f"{answer.status} {what}  {' '.join(answer.body.split())}".rstrip()


def _read(path: Path) -> Iterable[bytes]:
    if str(path) == "-":
        return read_events("standard input", click.get_binary_stream("stdin"))
    try:
        return list(read_event_file(path))
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror}") from error
