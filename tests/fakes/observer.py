"""What an operator would have seen."""

from __future__ import annotations

from collections import Counter

from agents.protocols import Message


class FakeObserver:
    """`agents.protocols.Observer`, keeping it all."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.flushes: list[int] = []
        self.arrived: list[int] = []
        self.states: list[str] = []

    def sent(self, outcome: str, count: int) -> None:
        self.outcomes[outcome] += count

    def flushed(self, size: int, seconds: float) -> None:
        assert seconds >= 0
        self.flushes.append(size)

    def delivered(self, message: Message) -> None:
        self.arrived.append(message.offset)

    def breaker(self, state: str) -> None:
        self.states.append(state)
