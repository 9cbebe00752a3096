"""Records to Kafka through librdkafka: durable, in order, and settled many at a time.

The event loop asks for delivery reports some hundred times a second and settles all that have come. Why
librdkafka: what is queued can be given up for good when partitions go, and of each record it says whether it
arrived. benchmarks/results/README.md has it beside aiokafka.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable

import structlog
from confluent_kafka import KafkaError, KafkaException

from agents.errors import Reject, Retry, Stop
from agents.protocols import Delivered, OnDelivery, Record, Undelivered
from app.kafka.producer_config import producer_config
from app.kafka.producer_line import LAST_REPORTS_SECONDS, Line, Report
from app.metrics.registry import Metrics
from app.settings import Settings

log = structlog.get_logger()

OnFatal = Callable[[str], None]
POLL_SECONDS = 0.002
"""Between two looks for reports while records are on their way; less than they linger for company."""
IDLE_SECONDS = 0.1
"""The same while none is: librdkafka may still have errors to tell."""

# The broker no longer knows the line as librdkafka does. We have no transactional id, so nobody can have
# fenced us, whatever the first is called.
_PRODUCER_FENCED = 90
_LOST = frozenset(
    {
        _PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.UNKNOWN_PRODUCER_ID,
        KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
    }
)


class Producer:
    """`agents.protocols.Outbox` over librdkafka: acks=all, idempotent, bounded, in order per partition.

    All methods belong to the event loop that called `start`, and so do all callbacks. `on_delivery` is
    called exactly once a record, `on_fatal` at most once, neither after `close` has returned. Order ends
    where a record is given up: those sent after it may be delivered.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        *,
        on_fatal: OnFatal,
        delivery_timeout: float | None = None,
        max_queued: int | None = None,
    ) -> None:
        """Take the address and manners of Kafka from `settings`.

        A record that Kafka has not acknowledged `delivery_timeout` seconds after `send` (default:
        `settings.delivery_timeout`) is given up. `max_queued` bounds the records on their way. `on_fatal`
        gets a sentence when librdkafka can never send again: end the process. Raises SettingsError.
        """
        self._metrics = metrics
        self._on_fatal = on_fatal
        timeout = settings.delivery_timeout if delivery_timeout is None else delivery_timeout
        self._config = producer_config(settings, timeout, max_queued=max_queued)
        self._line: Line | None = None
        self._cut: list[Line] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next_look: asyncio.TimerHandle | None = None
        self._failed = False
        self._outstanding = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.connected = False

    @property
    def outstanding(self) -> int:
        """How many records are on their way."""
        return self._outstanding

    def start(self) -> None:
        """Bind to the running loop and begin. Kafka need not be there yet."""
        if self._loop is not None:
            raise RuntimeError("the producer has been started already")
        self._loop = asyncio.get_running_loop()
        self._line = self._open()
        self._look_in(IDLE_SECONDS)

    def send(self, record: Record, on_delivery: OnDelivery) -> None:
        """Queue `record`; `on_delivery` is called once, on the event loop.

        Raises Retry when the bounded queue is full or the producer is not running, Reject when the record
        is larger than Kafka takes, Stop after a fatal error.
        """
        if self._line is None:
            raise Retry("the Kafka producer is not running")
        try:
            self._line.send(record, on_delivery)
        except BufferError as error:
            raise Retry("the queue of records for Kafka is full") from error
        except KafkaException as error:
            raise _unsendable(record, error.args[0]) from error
        self._outstanding += 1
        if self._outstanding == 1:
            self._idle.clear()
            self._look_in(POLL_SECONDS)

    async def send_and_wait(self, record: Record, timeout: float) -> Delivered:  # noqa: ASYNC109 - the ack's deadline
        """Queue `record` and return when Kafka has acknowledged it.

        Raises Retry when it did not within `timeout` seconds or the record was given up, and what `send`
        raises. After Retry the record may be in Kafka all the same, now or later.
        """
        outcome: asyncio.Future[Delivered | Undelivered] = asyncio.get_running_loop().create_future()

        def settle(report: Delivered | Undelivered) -> None:
            if not outcome.done():
                outcome.set_result(report)

        self.send(record, settle)
        try:
            async with asyncio.timeout(timeout):
                report = await outcome
        except TimeoutError as error:
            raise Retry(f"Kafka did not acknowledge a record for {record.topic} in {timeout:g} s") from error
        if isinstance(report, Undelivered):
            raise Retry(report.detail)
        return report

    async def flush(self, timeout: float) -> int:  # noqa: ASYNC109 - a budget, not a cancellation
        """Wait until nothing is on its way, at most `timeout` seconds. Returns how many records still are."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        return self._outstanding

    def purge(self) -> None:
        """Give up everything queued and in flight; each `on_delivery` gets Undelivered, a moment later.

        When this returns nothing more of it is put on the wire. What was on it may be in Kafka all the same.
        """
        if self._line is not None:
            self._renew(self._line)

    async def close(self, timeout: float) -> int:  # noqa: ASYNC109 - a budget, not a cancellation
        """Send what is left, at most `timeout` seconds, give up the rest, and end.

        Returns how many records were given up. No callback runs afterwards.
        """
        if self._line is None:
            return 0
        line = self._line
        try:
            left = await self.flush(timeout)
        finally:
            self._line = None
            line.cut()
        if self._outstanding:
            await self.flush(LAST_REPORTS_SECONDS)
        for each in (*self._cut, line):
            await asyncio.to_thread(each.join)  # comes back behind the last reports, which came the same way
        return left

    async def reachable(self, timeout: float) -> bool:  # noqa: ASYNC109 - handed on to librdkafka
        """Ask Kafka for its brokers, at most `timeout` seconds; say whether it answered."""
        if self._line is None:
            return False
        try:
            await asyncio.to_thread(self._line.probe, timeout)
        except KafkaException:
            self.connected = False
        else:
            self.connected = True
        return self.connected

    def _open(self) -> Line:
        return Line(self._config, self._late, self._errored)

    def _renew(self, line: Line) -> None:
        """Cut `line`, if it is still the one in use, and go on with another."""
        if line is not self._line:
            return
        line.cut()
        self._cut = [*(each for each in self._cut if not each.ended), line]
        self._line = self._open()

    def _lost(self, line: Line, detail: str) -> None:
        """Go on with another line, as the broker no longer knows this one."""
        if line is self._line:
            log.warning("kafka_producer_renewed", detail=detail)
            self._renew(line)

    def _look_in(self, seconds: float) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
        assert self._loop is not None  # noqa: S101 - `start` has set it
        self._next_look = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        if self._line is None:
            return
        # First, so that whatever a callback raises, the next look comes.
        self._look_in(POLL_SECONDS if self._outstanding else IDLE_SECONDS)
        self._settle(self._line, self._line.poll())

    def _late(self, line: Line, reports: list[Report]) -> None:
        """Take the reports of a line that was cut. Runs in the line's thread."""
        self._call(functools.partial(self._settle, line, reports))

    def _settle(self, line: Line, reports: list[Report]) -> None:
        """Hand reports to their owners."""
        if not reports:
            return
        self._outstanding -= len(reports)
        if self._outstanding == 0:
            self._idle.set()
        for on_delivery, outcome, error in reports:
            if isinstance(outcome, Delivered):
                self.connected = True
            else:
                self._metrics.undelivered.labels(outcome.topic).inc()
            if error is not None and error.code() in _LOST:
                self._lost(line, error.str())
            on_delivery(outcome)

    def _errored(self, line: Line, error: KafkaError) -> None:
        """Note an error of librdkafka's, which polling tells; most of these it cures by itself."""
        self._call(functools.partial(self._note, line, error))

    def _note(self, line: Line, error: KafkaError) -> None:
        if line is not self._line:
            return
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - the library's public name for it
            self.connected = False
        if error.code() in _LOST:
            self._lost(line, error.str())
        elif error.fatal() and not self._failed:
            self._failed = True
            log.error("kafka_producer_failed", detail=error.str())
            self._on_fatal(f"The Kafka producer cannot go on: {error.str()}. Restart the process.")

    def _call(self, function: Callable[[], None]) -> None:
        # The loop is closed when a process ends without close(): then nobody is left to be told.
        with contextlib.suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(function)


def _unsendable(record: Record, error: KafkaError) -> Exception:
    if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - the library's public name for it
        return Stop(f"The Kafka producer cannot go on: {error.str()}. Restart the process.")
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        size = len(record.value or b"") + len(record.key or b"")
        return Reject("record_too_large", f"{size} bytes are more than {record.topic} takes")
    return Retry(f"Kafka's client did not take a record for {record.topic}: {error.str()}")
