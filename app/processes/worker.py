"""What the three Faust workers have in common: how one is put together, runs, and ends.

    start    health first, so that a pod can say why it is not ready; Kafka's topics; the sink; Faust
    run      until a signal, or until something says that it cannot go on
    end      take nothing more, finish and commit what is in hand, leave the group, close

Exit codes: 0 after a signal, 1 when the worker had to stop, 2 when the settings are wrong.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import faust
import structlog
from aiohttp import web

from agents.dead_letter_limit import DeadLetterLimit
from agents.errors import Retry, Stop
from agents.intake import Intake
from agents.lease import Lease
from agents.protocols import Held
from agents.tracing import Tracer
from app.clock import SystemClock
from app.health.checks import Check
from app.health.handlers import Health
from app.health.server import HealthServer
from app.kafka.consumer import Consumer, HandOver
from app.kafka.dead_letters import KafkaDeadLetters
from app.kafka.faust_app import build_app, declare_topic, messages
from app.kafka.producer import Producer
from app.kafka.topics import TopicSpec, ensure_topics, topic_specs
from app.logs import configure_logs
from app.metrics.bounds import bounded_reason
from app.metrics.labels import Process
from app.metrics.registry import Metrics, new_metrics
from app.processes.watch import Watch
from app.settings import Settings, SettingsError, read_settings
from app.tracing.tracing import Tracing, open_tracing

log = structlog.get_logger()

PATIENCE = 5.0
"""Seconds to finish what is in hand when partitions go; the rest is replayed by their next owner."""
RETRY_SECONDS = 2.0
"""Seconds between tries while Kafka or a sink is away at start."""

Agent = Callable[[Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What every worker has."""

    settings: Settings
    metrics: Metrics
    clock: SystemClock
    producer: Producer
    intake: Intake
    dead_letters: KafkaDeadLetters
    app: faust.App
    tracer: Tracer
    failed: Callable[[Stop], None]


@dataclass(frozen=True, slots=True)
class Work:
    """What makes one worker different from the others."""

    source: str
    """The topic it reads."""
    agent: Callable[[Any], Awaitable[None]]
    """Works through held messages, for ever."""
    topics: Sequence[TopicSpec] = ()
    """Topics it needs beyond the three that all share: its changelogs."""
    checks: Mapping[str, Check] = field(default_factory=dict)
    prepare: Callable[[], Awaitable[None]] | None = None
    """Reaches the sink; raises `Retry` while it is away, `Stop` when it will not do."""
    background: Sequence[Callable[[], Awaitable[None]]] = ()
    drain: Callable[[float], Awaitable[bool]] | None = None
    """Finishes what is in hand within so many seconds; False when it cannot, which ends the waiting."""
    close: Callable[[], Awaitable[None]] | None = None
    routes: Sequence[web.RouteDef] = ()
    """What its HTTP server serves beyond health and metrics."""
    watched: Iterable[str] = field(default_factory=tuple)
    """Tables whose size is measured."""


Assemble = Callable[[Parts], Work]


def main(process: Process, port: Callable[[Settings], int], assemble: Assemble) -> int:
    """Run the worker `process` until it ends; return the exit code."""
    try:
        settings = read_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - logs are not set up before the settings are read
        return 2
    configure_logs(settings, process)
    for chatty in ("faust", "mode", "aiokafka", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        return asyncio.run(Worker(process, settings, port(settings), assemble).run())
    except SettingsError as error:
        log.error("wrong_settings", detail=str(error))  # noqa: TRY400 - the sentence says it all
        return 2


class Worker:
    """One process with one Faust application in it."""

    def __init__(self, process: Process, settings: Settings, port: int, assemble: Assemble) -> None:
        """Put nothing together yet."""
        self._process = process
        self._settings = settings
        self._port = port
        self._assemble = assemble
        self._tracing = Tracing()
        self._over = asyncio.Event()
        self._failure: Stop | None = None

    async def run(self) -> int:
        """Start, run, end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._over.set)
        parts, hand_over, work = self._build()
        watch = Watch(
            self._process, parts.app, parts.intake, parts.metrics, source=work.source, tables=work.watched
        )
        checks = {**watch.checks(parts.producer), **work.checks}
        health = Health(parts.metrics.registry, checks, dead=self._dead)
        server = HealthServer(self._settings.bind, self._port, health, parts.metrics, work.routes)
        background: list[asyncio.Task[None]] = []
        try:
            await server.start()
            if await self._prepared(work):
                parts.producer.start()
                await parts.app.start()
                background = [
                    asyncio.create_task(self._guard(run))
                    for run in (watch.run, self._crash(parts), *work.background)
                ]
                log.info("worker_started", process=self._process, port=server.port, reads=work.source)
                await self._over.wait()
        except Stop as stop:
            self._fail(stop)
        finally:
            await self._end(parts, hand_over, work, background)
            await server.stop()
        if self._failure is not None:
            log.error("worker_stopped", process=self._process, why=str(self._failure))
            return 1
        log.info("worker_ended", process=self._process)
        return 0

    def _build(self) -> tuple[Parts, HandOver, Work]:
        settings, clock, metrics = self._settings, SystemClock(), new_metrics(self._process)
        self._tracing = open_tracing(settings, self._process)
        tracer = self._tracing.tracer
        producer = Producer(settings, metrics, on_fatal=lambda text: self._fail(Stop(text)))
        intake = Intake(clock, Lease(settings.session_timeout, settings.delivery_timeout), settings.in_flight)
        limit = DeadLetterLimit(settings.dead_letter_max_ratio, settings.dead_letter_max_consecutive)
        dead_letters = KafkaDeadLetters(
            producer,
            settings.dead_letters_topic,
            limit,
            clock,
            ack_timeout=settings.delivery_timeout,
            tracer=tracer,
            on_buried=lambda stage, reason: metrics.dead_letters.labels(stage, bounded_reason(reason)).inc(),
        )
        drains: list[Callable[[float], Awaitable[bool]]] = []
        patience = min(PATIENCE, settings.rebalance_timeout / 2)

        async def drain() -> None:
            for finish in drains:
                if not await finish(patience):
                    return  # the breaker is open: there is nothing to wait for
            await intake.empty(patience)

        hand_over = HandOver(intake, producer, drain, patience)
        app = build_app(settings, self._process, hand_over)
        parts = Parts(settings, metrics, clock, producer, intake, dead_letters, app, tracer, self._fail)
        work = self._assemble(parts)
        if work.drain is not None:
            drains.append(work.drain)
        _declare_agent(parts, work)
        return parts, hand_over, work

    async def _prepared(self, work: Work) -> bool:
        """Reach Kafka and the sink, however long they are away; False when the process is to end first."""
        specs = (*topic_specs(self._settings), *work.topics)
        steps: list[Callable[[], Awaitable[object]]] = [
            lambda: asyncio.to_thread(ensure_topics, self._settings, specs)
        ]
        if work.prepare is not None:
            steps.append(work.prepare)
        for step in steps:
            while not self._over.is_set():
                try:
                    await self._unless_over(step())
                except Retry as error:
                    log.warning("not_there_yet", process=self._process, why=error.detail)
                    await self._unless_over(asyncio.sleep(RETRY_SECONDS))
                else:
                    break
        return not self._over.is_set()

    async def _unless_over(self, waited_for: Awaitable[object]) -> None:
        """Wait for it, or for the end of the process, whichever comes first."""
        over = asyncio.ensure_future(self._over.wait())
        task = asyncio.ensure_future(waited_for)
        try:
            await asyncio.wait((over, task), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        finally:
            over.cancel()
            task.cancel()

    def _crash(self, parts: Parts) -> Callable[[], Awaitable[None]]:
        async def watch_faust() -> None:
            # mode marks a crashed service and all above it, and goes on sleeping: somebody has to look.
            while not parts.app.crashed:  # noqa: ASYNC110 - mode has no event for it
                await asyncio.sleep(0.5)
            reason = parts.app.crash_reason
            raise Stop(f"Faust stopped working ({type(reason).__name__}: {reason}). Restart the worker.")

        return watch_faust

    async def _guard(self, run: Callable[[], Awaitable[None]]) -> None:
        stop = await stopped_by(run())
        if stop is not None:
            self._fail(stop)

    def _fail(self, stop: Stop) -> None:
        if self._failure is None:
            self._failure = stop
        self._over.set()

    def _dead(self) -> str | None:
        return None if self._failure is None else str(self._failure)

    async def _end(
        self, parts: Parts, hand_over: HandOver, work: Work, background: Sequence[asyncio.Task[None]]
    ) -> None:
        hand_over.intake.close()
        if parts.app.started:
            consumer = parts.app.consumer
            assert isinstance(consumer, Consumer)  # noqa: S101 - faust_app has put it there
            # Before Faust closes the tables: the last acknowledgements still have to be written to them.
            await consumer.give_up()
            await parts.app.stop()
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        if work.close is not None:
            await work.close()
        await parts.producer.close(1.0)
        await self._tracing.close()


async def stopped_by(work: Awaitable[None]) -> Stop | None:
    """Do `work`, and return why the worker has to stop after it, None when it simply ended."""
    try:
        await work
    except Stop as stop:
        return stop
    except Exception as bug:
        # Ours, or the disk's. What is in hand is not committed and will be replayed; a worker that went on
        # with a part of it dead would look well and deliver nothing.
        log.exception("worker_part_failed")
        return Stop(
            f"A part of the worker failed ({type(bug).__name__}: {bug}); restart it, and see the log."
        )
    return None


def _declare_agent(parts: Parts, work: Work) -> None:
    topic = declare_topic(parts.app, work.source, parts.settings.topic_partitions)

    async def agent(stream: Any) -> None:
        # Whatever left here would make Faust start the agent anew, one message on.
        stop = await stopped_by(work.agent(parts.intake.hold(messages(stream))))
        if stop is not None:
            parts.failed(stop)

    parts.app.agent(topic, name=f"{parts.app.conf.id}-agent", concurrency=1)(agent)


def sink_agent(accept: Callable[[Held], Awaitable[None]]) -> Agent:
    """Return an agent that hands each message to a sink, one after the other."""

    async def agent(held_messages: Any) -> None:
        async for held in held_messages:
            await accept(held)

    return agent
