"""Dead letters in memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from agents.dead_letter_limit import DeadLetterLimit
from agents.protocols import Message


@dataclass(frozen=True)
class Letter:
    message: Message
    stage: str
    reason: str
    detail: str
    attempts: int


class FakeDeadLetters:
    """`agents.protocols.DeadLetters`; `answers` holds errors that the next burials meet."""

    def __init__(self, limit: DeadLetterLimit | None = None) -> None:
        self.letters: list[Letter] = []
        self.answers: deque[Exception | None] = deque()
        self._limit = limit or DeadLetterLimit(max_ratio=1.0, max_consecutive=1_000_000)

    @property
    def offsets(self) -> list[int]:
        return [letter.message.offset for letter in self.letters]

    def passed(self, count: int = 1) -> None:
        self._limit.passed(count)

    async def bury(self, message: Message, *, stage: str, reason: str, detail: str, attempts: int) -> None:
        self._limit.check(reason)
        answer = self.answers.popleft() if self.answers else None
        if answer is not None:
            raise answer
        self.letters.append(Letter(message, stage, reason, detail, attempts))
        self._limit.buried()
