"""The ingress: `python -m app.processes.ingress`.

Exit codes: 0 after SIGTERM or SIGINT, 1 when it cannot go on, 2 when the settings are wrong.
"""

from __future__ import annotations

import asyncio
import functools
import signal
import sys
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from agents.errors import Retry, Stop
from app.clock import SystemClock
from app.health.checks import READY, Check, Result
from app.health.handlers import Health
from app.ingress.application import RUNNER, build_application
from app.ingress.endpoints import Endpoints, endpoints
from app.ingress.memory import NoMemory
from app.kafka.producer import Producer
from app.kafka.topics import ensure_topics, topic_specs
from app.logs import configure_logs
from app.metrics.registry import new_metrics
from app.redis_memory.build import build_memory, open_memory
from app.redis_memory.memory import RedisMemory
from app.settings import Settings, SettingsError, read_settings
from app.tracing.tracing import open_tracing

log = structlog.get_logger()

OK, FAILED, WRONG_SETTINGS = 0, 1, 2
TOPICS_AGAIN_SECONDS = 1.0
PROBE_SECONDS = 2.0


@dataclass
class Course:
    """How far the process has come, from its start to its end."""

    ended: asyncio.Event = field(default_factory=asyncio.Event)
    failure: str | None = None
    waiting_for: str | None = "the topics have not been checked yet"

    def end(self) -> None:
        """Begin to stop."""
        self.ended.set()

    def fail(self, reason: str) -> None:
        """Begin to stop because this process cannot go on."""
        self.failure = self.failure or reason
        self.ended.set()


def main() -> int:
    """Run the ingress until it is told to stop. Returns the exit code."""
    try:
        settings = read_settings()
        secrets = endpoints(settings)
        configure_logs(settings, "ingress")
        return asyncio.run(_run(settings, secrets))
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the user's text, not a log line
        return WRONG_SETTINGS


async def _run(settings: Settings, secrets: Endpoints) -> int:
    course = Course()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, course.end)
    metrics, clock = new_metrics("ingress"), SystemClock()
    memory = build_memory(settings, clock, metrics)
    tracing = open_tracing(settings, "ingress")
    producer = Producer(
        settings,
        metrics,
        on_fatal=course.fail,
        # When the sender has been told that it failed, it is not tried any longer.
        delivery_timeout=settings.ingress_ack_timeout,
        max_queued=2 * settings.ingress_max_in_flight,
    )

    async def kafka() -> Result:
        if await producer.reachable(PROBE_SECONDS):
            return READY
        return Result("not_ready", f"no answer from {settings.kafka_url}")

    def topics() -> Result:
        return READY if course.waiting_for is None else Result("not_ready", course.waiting_for)

    def draining() -> Result:
        return Result("not_ready", "stopping") if course.ended.is_set() else READY

    checks: dict[str, Check] = {"kafka": kafka, "topics": topics, "process": draining}
    if memory is not None:
        # Always ready: without Redis there is more work, and no webhook is refused.
        checks["redis"] = lambda: Result("ready", memory.detail)
    health = Health(metrics.registry, checks, dead=lambda: course.failure)
    application = build_application(
        settings,
        secrets,
        producer,
        clock=clock,
        metrics=metrics,
        health=health,
        closed=lambda: course.waiting_for,
        memory=memory or NoMemory(),
        tracer=tracing.tracer,
    )
    runner = web.AppRunner(application, shutdown_timeout=settings.ingress_shutdown_timeout, **RUNNER)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.bind, settings.ingress_port).start()
    except OSError as error:
        await runner.cleanup()
        course.fail(f"Cannot listen on {settings.bind}:{settings.ingress_port}: {error.strerror}")
        return _ended(course)
    log.info("ingress_started", bind=settings.bind, port=settings.ingress_port, endpoints=sorted(secrets))
    producer.start()
    checking = asyncio.create_task(_see_topics(settings, course, memory))
    checking.add_done_callback(functools.partial(_see_end, course))
    await course.ended.wait()
    log.info("ingress_stopping")
    checking.cancel()
    await runner.cleanup()
    if memory is not None:
        await memory.close()
    left = await producer.close(settings.ingress_shutdown_timeout)
    await tracing.close()
    log.info("ingress_stopped", unsent=left)
    return _ended(course)


async def _see_topics(settings: Settings, course: Course, memory: RedisMemory | None) -> None:
    """Wait for Kafka and its topics; until then every webhook is answered 503."""
    while True:
        try:
            await asyncio.to_thread(ensure_topics, settings, topic_specs(settings))
        except Retry as error:
            if course.waiting_for != error.detail:
                log.warning("waiting_for_kafka", detail=error.detail)
            course.waiting_for = error.detail
            await asyncio.sleep(TOPICS_AGAIN_SECONDS)
        except Stop as error:
            course.fail(str(error))
            return
        else:
            course.waiting_for = None
            log.info("topics_ready")
            break
    if memory is not None:
        await open_memory(memory, settings, SystemClock())


def _see_end(course: Course, task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        course.fail(f"Checking the topics failed: {type(error).__name__}: {error}")


def _ended(course: Course) -> int:
    if course.failure is None:
        return OK
    print(course.failure, file=sys.stderr)  # noqa: T201 - the user's text, not a log line
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
