"""Events that wait until another event has said whom they are about, or what it is that they name.

All wait equally long, so they leave in the order in which they came. How often one comes again is decided by
`billing.decide`, which does without when its patience is over, or gives it to the dead letters.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.clock import Clock
from agents.comeback import come_back
from agents.protocols import Held, Outbox, Record


@dataclass(frozen=True, slots=True)
class WaitingRoom:
    """Sends each event back to `topic` when it has waited for `seconds`."""

    topic: str
    seconds: float
    outbox: Outbox
    clock: Clock

    async def handle(self, held: Held) -> None:
        """Keep `held` for the rest of its time, counted from when Kafka got it."""
        message = held.message
        left = message.timestamp + self.seconds - self.clock.now()
        # A clock that is wrong, ours or Kafka's, must not keep it for ever.
        await self.clock.sleep(min(max(left, 0.0), self.seconds))
        record = Record(self.topic, message.key, message.value, tuple(message.headers.items()))
        await come_back(held, record, self.outbox, self.clock)
