"""What is in an agent's hands, by partition: which offset may be committed, and which not yet.

Faust's own bookkeeping commits over a skipped event and freezes after two (faust-streaming issue 606),
and acks an event whose agent raised. Here an offset may be committed when that message and all before it
in its partition are settled, and nothing else counts: not an exception, not a shutdown, not a rebalance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from agents.errors import Stop
from agents.protocols import Message


class TopicPartition(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class HeldMessage:
    """A message in hand. Fulfils `agents.protocols.Held`."""

    __slots__ = ("_lane", "abandoned", "message", "settled", "since")

    def __init__(self, message: Message, lane: Lane, since: float) -> None:
        self.message = message
        self.since = since
        self.settled = False
        self.abandoned = False
        self._lane = lane

    def settle(self) -> None:
        """Say that all its effects are durable. Harmless when repeated or abandoned."""
        if not self.settled:
            self.settled = True
            self._lane.advance()


class Lane:
    """One partition: what was fetched, what is held, and how far it is settled."""

    __slots__ = ("_settled", "fetched", "held", "taken", "upto")

    def __init__(self, settled: Callable[[int], None]) -> None:
        self.fetched: deque[int] = deque()
        self.held: deque[HeldMessage] = deque()
        self.taken = -1
        self.upto: int | None = None
        self._settled = settled

    def advance(self) -> None:
        """Move past the settled messages at the head."""
        before = len(self.held)
        while self.held and self.held[0].settled:
            self.upto = self.held.popleft().message.offset + 1
        if before != len(self.held):
            self._settled(before - len(self.held))


class Ledger:
    """All partitions of one worker. `on_settled` is called whenever a head has moved."""

    def __init__(self, on_settled: Callable[[], None] = lambda: None) -> None:
        self._lanes: dict[TopicPartition, Lane] = {}
        self._on_settled = on_settled
        self._committed: dict[TopicPartition, int] = {}
        self.in_flight = 0
        """Messages held and not yet settled in order."""

    def fetched(self, at: TopicPartition, offset: int) -> None:
        """Note that `offset` was fetched and is on its way to the agent."""
        self._lane(at).fetched.append(offset)

    def take(self, message: Message, now: float) -> HeldMessage | None:
        """Take `message` into hand; None when it is there already (fetched twice after a seek).

        Raises `Stop` when a message that was fetched before this one never arrived: it would be
        committed over. A restart fetches it again.
        """
        at = TopicPartition(message.topic, message.partition)
        lane = self._lane(at)
        expected = lane.fetched.popleft() if lane.fetched else None
        if expected != message.offset:
            raise Stop(
                f"Offset {message.offset} of {at.topic}[{at.partition}] came where {expected} was expected: "
                "a fetched message was lost inside the worker. Nothing is committed past it; "
                "restart the worker and it will be fetched again."
            )
        if message.offset <= lane.taken:
            return None
        lane.taken = message.offset
        held = HeldMessage(message, lane, now)
        lane.held.append(held)
        self.in_flight += 1
        return held

    def committable(self) -> Mapping[TopicPartition, int]:
        """Return the next offset to read for each partition that has moved since `committed` said so."""
        return {
            at: lane.upto
            for at, lane in self._lanes.items()
            if lane.upto is not None and lane.upto != self._committed.get(at)
        }

    def committed(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Note that Kafka has these offsets."""
        self._committed.update(offsets)

    def oldest(self) -> float | None:
        """Return when the oldest message in hand was taken, None when there is none."""
        return min((lane.held[0].since for lane in self._lanes.values() if lane.held), default=None)

    def release(self, partitions: Iterable[TopicPartition] | None = None) -> None:
        """Abandon all that is held for `partitions` (all by default): another worker has them now."""
        for at in list(self._lanes) if partitions is None else list(partitions):
            self._committed.pop(at, None)
            lane = self._lanes.pop(at, None)
            if lane is None:
                continue
            self.in_flight -= len(lane.held)
            for held in lane.held:
                held.abandoned = held.settled = True
            lane.held.clear()
        self._on_settled()

    def _lane(self, at: TopicPartition) -> Lane:
        lane = self._lanes.get(at)
        if lane is None:
            lane = self._lanes[at] = Lane(self._moved)
        return lane

    def _moved(self, count: int) -> None:
        self.in_flight -= count
        self._on_settled()
