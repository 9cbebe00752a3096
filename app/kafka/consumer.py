"""Faust's Kafka consumer, with four things put right.

1. Offsets are committed from our ledger (agents/ledger.py), and count as committed when Kafka said so.
   Faust commits over a skipped event, and believes a commit that failed (faust-streaming issue 606).
2. When partitions go, what is in hand is finished within a bound and committed; the rest is purged.
   Faust's own path commits nothing there, so that thousands of events were replayed at each rebalance.
3. Each partition is read without a gap: what comes twice is dropped, what is missing is fetched again.
   A fetch that was under way during a rebalance can otherwise slip in ahead of the committed position.
4. Messages go to the agent without a task each; that alone made the loop half again as fast.

Everything here leans on faust-streaming 0.15.3 and aiokafka 0.14.0, which pyproject.toml pins.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import aiokafka
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message

from agents.intake import Intake
from agents.ledger import TopicPartition
from app.kafka.continuity import Continuity, Verdict

LEAVE_SECONDS = 5.0
"""Seconds that leaving the group may take."""
YIELD_EVERY = 100
"""Messages between two looks at what else the event loop has to do."""


class Sending(Protocol):
    """What a worker has on its way to Kafka, as far as a rebalance is concerned."""

    async def flush(self, timeout: float) -> int:  # noqa: ASYNC109 - librdkafka's own bound
        """Wait until all is acknowledged, `timeout` seconds at most; return how much is left."""
        ...

    def purge(self) -> None:
        """Drop all that is queued or in flight."""
        ...


@dataclass(frozen=True, slots=True)
class HandOver:
    """How a worker gives its partitions up."""

    intake: Intake
    sending: Sending
    drain: Callable[[], Awaitable[None]]
    """Finish what is in hand; called with a bound of `patience` seconds."""
    patience: float


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The consumer's own thread; tells the lease when a heartbeat was answered, and ends when it should."""

    async def on_start(self) -> None:
        """Listen to the heartbeats of aiokafka's group coordinator."""
        await super().on_start()
        coordinator = cast("aiokafka.AIOKafkaConsumer", self._consumer)._coordinator  # noqa: SLF001 - aiokafka has no hook
        beat = coordinator._do_heartbeat  # noqa: SLF001 - the same
        lease = cast("Consumer", self.consumer).hand_over.intake.lease

        async def beat_and_renew() -> bool:
            sent_at = time.monotonic()
            answered = bool(await beat())
            if answered:
                lease.renew(sent_at)
            return answered

        coordinator._do_heartbeat = beat_and_renew  # noqa: SLF001 - the same

    async def on_thread_stop(self) -> None:
        """Leave the group, if Kafka is there to be told; else its session ends by itself.

        While Kafka is away aiokafka cancels its fetches and trips over the cancellation. That ended the
        thread without a word to Faust, which then waited a minute for it.
        """
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await super().on_thread_stop()
        except (TimeoutError, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            self.log.warning("Kafka could not be told that this worker leaves")


class Consumer(driver.Consumer):
    """See the module."""

    hand_over: HandOver

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hand_over = cast("Transport", self.transport).hand_over
        self._continuity = Continuity()
        self._dropped: set[TP] = set()
        self._position: dict[TopicPartition, int] = {}
        self._ends: dict[TP, int] = {}
        self.messages_committed = 0
        """Messages whose offset Kafka has, since the start; a partition's first commit counts as one."""
        self.rebalances = 0
        self.assigned_in = (-1, -1)
        """The group's generation, and which of Faust's rebalances, that made the last assignment."""

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # Commit

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002 - Faust's signature
        """Commit what the ledger says is settled. Returns whether Kafka took it."""
        ledger = self.hand_over.intake.ledger
        offsets = ledger.committable()
        if not offsets:
            return False
        if not await self._commit({TP(*at): offset for at, offset in offsets.items()}):
            return False
        ledger.committed(offsets)
        for at, offset in offsets.items():
            self.messages_committed += max(0, offset - self._position.get(at, offset - 1))
        self._position.update(offsets)
        return True

    def lags(self, topic: str) -> Mapping[int, int]:
        """Return by partition of `topic` that we own how many messages lie behind the committed offset."""
        lags: dict[int, int] = {}
        for tp in self.assignment():
            if tp.topic == topic:
                at = TopicPartition(*tp)
                begin = self._position.get(at, self._continuity.next(at) or 0)
                end = max(self.highwater(tp) or 0, self._ends.get(tp, 0))
                lags[tp.partition] = max(0, end - begin)
        return lags

    async def see_ends(self, topic: str) -> None:
        """Ask Kafka where our partitions of `topic` end.

        Fetches tell it too, but behind an open breaker nothing is fetched, and the lag would stand still just
        when it grows. Raises aiokafka's KafkaError.
        """
        ours = [tp for tp in self.assignment() if tp.topic == topic]
        if ours:
            self._ends.update(await self.highwaters(*ours))

    # Rebalance

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Finish and commit what is in hand, within the bound; purge the rest; then let Faust go on."""
        await self.give_up()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Begin anew: nothing is held, nothing was read."""
        if not self.app.rebalancing:
            # Whatever called it over: what is here now is not recovered yet.
            self.app.on_rebalance_start()
        self.assigned_in = (generation_id, self.app.rebalancing_count)
        self.rebalances += 1
        self._continuity.clear()
        self._position.clear()
        self._ends.clear()
        self.hand_over.intake.lease.renew(time.monotonic())
        self.hand_over.intake.open()
        await super().on_partitions_assigned(assigned, generation_id)

    async def give_up(self) -> None:
        """Finish and commit what is in hand, within the bound; purge and abandon the rest."""
        intake, sending = self.hand_over.intake, self.hand_over.sending
        intake.close()
        if intake.lease.valid(time.monotonic()):
            try:
                async with asyncio.timeout(self.hand_over.patience):
                    await self.hand_over.drain()
            except TimeoutError:
                self.log.warning(
                    "Gave partitions up with %s messages in hand; they are replayed", intake.ledger.in_flight
                )
            await self.commit()
        # A record that left now would land behind the new owner's and, the changelog being compacted, win.
        sending.purge()
        await sending.flush(1.0)  # purged records are reported at once; this only collects the reports
        intake.release()

    async def on_stop(self) -> None:
        """Do the same at shutdown: settled is committed, held is not."""
        await self.give_up()
        await super().on_stop()

    async def wait_empty(self) -> None:
        """Do nothing: `give_up` has waited, with a bound, which Faust's own has not."""

    # Fetch

    async def perform_seek(self) -> None:
        """Seek to the committed offsets, and note where each partition begins."""
        await super().perform_seek()
        streams = {tp for tp in self.assignment() if not self._is_changelog_tp(tp)}
        committed = {tp: offset for tp in streams if (offset := self._read_offset[tp]) is not None}
        fresh = streams - committed.keys()
        begins = {**committed, **(await self.earliest_offsets(*fresh) if fresh else {})}
        self._continuity.begin({TopicPartition(*tp): offset for tp, offset in begins.items()})

    async def _drain_messages(self, fetcher: Any) -> None:
        since_yield = fetch = 0
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):  # noqa: SLF001 - mode's flag
                await asyncio.sleep(0)
                if self._dropped and not self._between:
                    await self._fetch_dropped()
                fetch += 1
                async for tp, message in self.getmany(timeout=1.0):
                    since_yield += 1
                    if since_yield > YIELD_EVERY:
                        since_yield = 0
                        await asyncio.sleep(0)
                    if self._is_changelog_tp(tp):
                        await self.callback(message)
                    elif self._between:  # Faust empties its queues once more before that is over
                        self._dropped.add(tp)
                    else:
                        await self._hand_on(TopicPartition(*tp), message, fetch)
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise

    @property
    def _between(self) -> bool:
        """Whether assignments change. Faust alone may call a rebalance over that is not."""
        return self.app.rebalancing or not self.hand_over.intake.taking

    async def _fetch_dropped(self) -> None:
        """Go back to where each partition goes on; nothing else would, were it read to its end already."""
        dropped, self._dropped = self._dropped & set(self.assignment()), set()
        positions = {tp: self._continuity.next(TopicPartition(*tp)) for tp in dropped}
        await self._go_back({tp: offset for tp, offset in positions.items() if offset is not None})

    async def _hand_on(self, at: TopicPartition, message: Message, fetch: int) -> None:
        verdict = self._continuity.judge(at, message.offset, fetch)
        if verdict is Verdict.TAKE:
            self.hand_over.intake.ledger.fetched(at, message.offset)
            await self.callback(message)
        elif verdict is Verdict.ASK:
            missing = cast("int", self._continuity.next(at))
            self.log.info("Offset %s of %s came before %s; fetching again", message.offset, at, missing)
            await self._go_back({TP(*at): missing})

    async def _go_back(self, positions: Mapping[TP, int]) -> None:
        try:
            await self._thread.seek_wait(positions)
        except IllegalStateError:
            self.log.info("Partitions went before they were read again: %s", list(positions))

    async def verify_all_partitions_active(self) -> None:
        """Do nothing: Faust's watch mistakes a pause behind an open breaker for a hang; /readyz tells."""


class Transport(driver.Transport):
    """Faust's transport with our consumer."""

    Consumer = Consumer
    hand_over: HandOver

    def __init__(self, url: Any, app: Any, hand_over: HandOver) -> None:
        super().__init__(url, app)
        self.hand_over = hand_over
