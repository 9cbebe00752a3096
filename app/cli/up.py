"""`tollbridge up`: everything in one terminal."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine, Mapping
from typing import Any, get_args

import click

from app.cli.terminal import Terminal
from app.local.application import is_setting
from app.local.java import KafkaUnavailable
from app.local.ports import NoFreePort
from app.local.process import ProcessFailed
from app.local.stack import Stack
from app.local.stack_options import BrokerName, SinkName, StackOptions, make_secret
from app.local.status_file import Status, read_status, remove_status, write_status
from app.settings import SECRET_PREFIX, SettingsError

GIVEN = ("KAFKA_URL", "NATS_URL", "OPENMETER_URL")


@click.command(short_help="Run the whole of Tollbridge on this machine.")
@click.option(
    "--broker",
    type=click.Choice(get_args(BrokerName)),
    default="tansu",
    show_default=True,
    help="tansu needs nothing and forgets on exit; kafka needs Java and Maven and keeps its data.",
)
@click.option(
    "--without",
    type=click.Choice(get_args(SinkName)),
    multiple=True,
    help="Leave this sink out; may be given twice.",
)
def up(*, broker: BrokerName, without: tuple[SinkName, ...]) -> None:
    """Run the whole of Tollbridge on this machine: broker, NATS, an OpenMeter sandbox, the four processes.

    KAFKA_URL, NATS_URL and OPENMETER_URL name a real one to use instead, and STRIPE_WEBHOOK_SECRETS the
    signing secrets; otherwise one is made up and printed. Ctrl-C ends it all in order.
    """
    terminal = Terminal()
    code = asyncio.run(Up(terminal, options_of(os.environ, broker, frozenset(without), terminal)).run())
    raise SystemExit(code)


def options_of(
    environment: Mapping[str, str], broker: BrokerName, without: frozenset[SinkName], terminal: Terminal
) -> StackOptions:
    """Return the stack's options: what the environment sets wins over what the local parts want."""
    # Where the tables are is the stack's to say: they live and die with what the broker holds.
    owned = {*GIVEN, SECRET_PREFIX, "TOLLBRIDGE_DATA_DIR"}
    return StackOptions(
        broker=broker,
        without=without,
        given={name: environment[name] for name in GIVEN if environment.get(name)},
        settings={
            name: value for name, value in environment.items() if is_setting(name) and name not in owned
        },
        usual_ports=True,
        secret=environment.get(SECRET_PREFIX) or make_secret(),
        on_line=terminal.line,
        on_note=terminal.note,
    )


class Up:
    """One run of the stack, from start to end."""

    def __init__(self, terminal: Terminal, options: StackOptions) -> None:
        """Take where to write and what to run."""
        self._terminal = terminal
        self._options = options
        self._over = asyncio.Event()

    async def run(self) -> int:
        """Run until a signal (0) or until a part dies (1); a wrong setting ends it before it begins (2)."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._over.set)
        stack = Stack(self._options)
        over = asyncio.create_task(self._over.wait())
        try:
            if await self._until(over, stack.start()):
                self._welcome(stack)
                await self._until(over, stack.watch())
        except SettingsError as error:
            self._terminal.say(str(error), "bold red")
            return 2
        except (ProcessFailed, KafkaUnavailable, NoFreePort) as error:
            self._terminal.say(f"\n{error}", "bold red")
            return 1
        finally:
            over.cancel()
            remove_status()
            await self._end(stack)
        return 0

    async def _until(self, over: asyncio.Task[Any], work: Coroutine[Any, Any, None]) -> bool:
        """Run `work`; return whether it came to its end before a signal did."""
        task = asyncio.create_task(work)
        await asyncio.wait((task, over), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return False

    async def _end(self, stack: Stack) -> None:
        """End the stack in order; one more signal ends it at once."""
        self._over.clear()
        stop = asyncio.create_task(stack.stop())
        again = asyncio.create_task(self._over.wait())
        await asyncio.wait((stop, again), return_when=asyncio.FIRST_COMPLETED)
        again.cancel()
        if not stop.done():
            stop.cancel()
            await asyncio.gather(stop, return_exceptions=True)
            await stack.kill()
            return
        stop.result()

    def _welcome(self, stack: Stack) -> None:
        say = self._terminal.say
        made_here = SECRET_PREFIX not in os.environ
        other = read_status()
        write_status(
            Status(os.getpid(), stack.webhook_url, stack.secret if made_here else None, stack.addresses)
        )
        say("\nTollbridge is up.", "bold green")
        for name, url in stack.addresses.items():
            say(f"  {name:<18} {url}")
        say(f"  {'webhooks':<18} {stack.webhook_url}")
        say(f"  {'signing secret':<18} {stack.secret if made_here else f'as in {SECRET_PREFIX}'}")
        if other is not None:
            say(f"Another stack runs here (process {other.pid}); `tollbridge send` goes to this one now.")
        if stack.broker is not None and not stack.broker.remembers:
            say("The local broker forgets everything on exit; `tollbridge up --broker kafka` remembers.")
        elif stack.sandbox is not None:
            say("What is sent is kept until the next start, but the OpenMeter sandbox forgets on exit.")
        say("Try `tollbridge send --type invoice.paid` in another terminal. Ctrl-C ends it all.\n")
