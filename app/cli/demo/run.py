"""One run of the demo: start, post, wait, read back, compare."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import httpx

from app.cli.demo.conclusion import conclude
from app.cli.demo.customers import DAY, ordinary
from app.cli.demo.decisions import Entries, read_entries
from app.cli.demo.holdings import Holding, nats_holds, openmeter_holds
from app.cli.demo.poster import Answered, post_history
from app.cli.demo.progress import Counts
from app.cli.demo.story import Customer
from app.cli.demo.troubles import troubled
from app.cli.demo.verdict import covers, expected
from app.cli.terminal import Terminal
from app.cli.webhook import new_client
from app.local.stack import Stack
from app.local.stack_options import StackOptions
from app.settings import read_settings

WAIT = 60.0
"""Seconds that the sinks may take after the last post."""
SETTLE = 1.5
"""Seconds to wait once all is there: whatever came too often would still be on its way."""
HISTORY_DAYS = 45


async def run_demo(options: StackOptions, terminal: Terminal) -> int:
    """Run the demo; return the exit code: 0 only if both sinks hold exactly what they should."""
    now = int(time.time())
    start = now - HISTORY_DAYS * DAY
    customers = (*ordinary(start), *troubled(start))
    terminal.say("Starting Tollbridge and all that it needs …", "bold")
    async with Stack(options) as stack, new_client() as client:
        demo = Demo(stack, client, terminal, customers)
        watch = asyncio.create_task(stack.watch())
        work = asyncio.create_task(demo.run())
        try:
            await asyncio.wait((watch, work), return_when=asyncio.FIRST_COMPLETED)
            if watch.done():
                watch.result()
            answers, held, entries = await work
        finally:
            for task in (watch, work):
                task.cancel()
            await asyncio.gather(watch, work, return_exceptions=True)
    return conclude(terminal, customers, answers, held, entries)


class Demo:
    """The history, a running stack to post it to, and a terminal to write to."""

    def __init__(
        self, stack: Stack, client: httpx.AsyncClient, terminal: Terminal, customers: Sequence[Customer]
    ) -> None:
        """Take all that; nothing happens yet."""
        self._stack = stack
        self._client = client
        self._terminal = terminal
        self._customers = customers
        self._wanted = expected(customers)

    async def run(self) -> tuple[dict[str, list[Answered]], dict[str, list[Holding]], Entries]:
        """Post everything and wait, within bounds; return the answers, the holdings and the decisions."""
        posts = sum(len(customer.posts) for customer in self._customers)
        facts = len(self._wanted)
        self._terminal.say(f"\nStripe says {posts} things about {len(self._customers)} customers …", "bold")
        totals = {"webhooks posted": posts, "facts in OpenMeter": facts, "facts in NATS": facts}
        with Counts(self._terminal.console, totals) as counts:
            answers = await post_history(
                self._customers,
                client=self._client,
                url=self._stack.webhook_url,
                secret=self._stack.secret,
                now=time.time,
                on_post=lambda: counts.advance("webhooks posted"),
            )
            deadline = time.monotonic() + WAIT
            while True:
                held = await self._read_back()
                for sink, found in held.items():
                    counts.set(f"facts in {sink}", len(found))
                if all(covers(self._wanted, found) for found in held.values()):
                    await asyncio.sleep(SETTLE)
                    held = await self._read_back()
                    break
                if time.monotonic() > deadline:
                    self._terminal.say(f"Not everything has come within {WAIT:g} s.", "bold red")
                    break
                await asyncio.sleep(0.25)
        every = [answered for posts_of_one in answers.values() for answered in posts_of_one]
        entries = await read_entries(self._client, self._stack.applications["lifecycle"].url, every)
        return answers, held, entries

    async def _read_back(self) -> dict[str, list[Holding]]:
        stream = read_settings(self._stack.environment()).nats_stream
        return {
            "OpenMeter": await openmeter_holds(self._client, self._stack.setting("OPENMETER_URL")),
            "NATS": await nats_holds(self._stack.setting("NATS_URL"), stream),
        }
