"""The command line: `tollbridge up`, `send`, `demo`, and the queries."""

from __future__ import annotations

import click

from app.cli.demo.command import demo
from app.cli.queries.commands import customer, subscription, timeline
from app.cli.send import send
from app.cli.up import up


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tollbridge")
def main() -> None:
    """Tollbridge carries what happens in Stripe to OpenMeter and NATS, once, whatever crashes on the way."""


main.add_command(up)
main.add_command(send)
main.add_command(demo)
main.add_command(subscription)
main.add_command(customer)
main.add_command(timeline)

if __name__ == "__main__":
    main()
