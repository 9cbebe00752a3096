"""`tollbridge demo` on the command line."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from pathlib import Path
from typing import get_args

import click

from app.cli.demo.run import run_demo
from app.cli.terminal import Terminal
from app.cli.webhook import NobodyThere
from app.local.java import KafkaUnavailable
from app.local.ports import NoFreePort
from app.local.process import ProcessFailed
from app.local.stack_options import BrokerName, StackOptions


@click.command(short_help="Show the whole road with a made-up history.")
@click.option("--broker", type=click.Choice(get_args(BrokerName)), default="tansu", show_default=True)
def demo(*, broker: BrokerName) -> None:
    """Start everything, post a history of several customers, and hold what comes out against what should.

    Everything is on free ports and in a temporary directory, so it meddles with nothing that runs already.
    The exit code is 0 only if OpenMeter and NATS hold exactly what they should.
    """
    terminal = Terminal()
    with tempfile.TemporaryDirectory(prefix="tollbridge-demo-") as directory:
        logs = Path(directory) / "logs"
        options = StackOptions(broker=broker, throwaway=True, logs=logs, on_note=terminal.note)
        try:
            raise SystemExit(asyncio.run(_interruptible(options, terminal)))
        except (ProcessFailed, KafkaUnavailable, NoFreePort, NobodyThere) as error:
            raise click.ClickException(str(error)) from error


async def _interruptible(options: StackOptions, terminal: Terminal) -> int:
    """Run the demo so that SIGTERM, as Ctrl-C, ends all that was started."""
    run = asyncio.ensure_future(run_demo(options, terminal))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, run.cancel)
    try:
        return await run
    except asyncio.CancelledError:
        terminal.say("\nInterrupted.")
        return 130
