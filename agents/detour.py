"""What leaves the straight road for a while, and comes back to stripe.events later.

    stripe.events ─▶ lifecycle ─┬─▶ stripe.reads ────▶ read from Stripe ─┬─▶ stripe.events
                                └─▶ stripe.waiting ──▶ a few seconds ────┘

Each is a topic of its own, read by a group of its own: Stripe may be away for hours, and an event may wait
for another, without holding up the message behind it. Nothing is lost meanwhile, for Kafka has it.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.protocols import Message, Record
from billing.decision import Decision

READ = "read"
"""Header of a record on stripe.reads: thin (the value is the event) or subscription (it is a `Reread`)."""
WAITING_SINCE = "waiting-since"
"""Header of an event that waits for another: since when, in unix seconds, ASCII."""


@dataclass(frozen=True, slots=True)
class Detours:
    """The topics of the two detours."""

    reads_topic: str
    waiting_topic: str

    def records(self, message: Message, decision: Decision, now: int) -> list[Record]:
        """Return what `decision` on `message` sends on a detour. `now` is in unix seconds."""
        records = []
        headers = {name: value for name, value in message.headers.items() if name != WAITING_SINCE}
        if decision.read == "thin":
            records.append(self._read(message, "thin", message.value, headers))
        elif decision.read is not None:
            records.append(self._read(message, "subscription", decision.read.encode(), headers))
        if decision.wait:
            since = waiting_since(message)
            headers[WAITING_SINCE] = b"%d" % (now if since is None else since)
            records.append(Record(self.waiting_topic, message.key, message.value, tuple(headers.items())))
        return records

    def _read(self, message: Message, kind: str, value: bytes, headers: dict[str, bytes]) -> Record:
        return Record(self.reads_topic, message.key, value, ((READ, kind.encode()), *headers.items()))


def waiting_since(message: Message) -> int | None:
    """Return since when `message` waits; None for one that came from the ingress."""
    header = message.headers.get(WAITING_SINCE)
    return int(header) if header is not None and header.isdigit() else None
