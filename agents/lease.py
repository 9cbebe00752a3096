"""How long a worker may still believe that its partitions are its own.

Kafka gives a silent member's partitions away when its session times out (KIP-62). A worker that was
frozen meanwhile (SIGSTOP, a long pause of its machine) wakes and does not know. So nothing is begun
unless a heartbeat was answered so recently that whatever is queued now has left, or has been given up
by the producer (delivery timeout), before the session can have ended.
"""

from __future__ import annotations


class Lease:
    """Valid for `session_timeout - delivery_timeout` seconds after a heartbeat that was answered was sent."""

    def __init__(self, session_timeout: float, delivery_timeout: float) -> None:
        if delivery_timeout >= session_timeout:
            raise ValueError("the delivery timeout must be shorter than the session timeout")
        self._length = session_timeout - delivery_timeout
        self._until = float("-inf")

    def renew(self, sent_at: float) -> None:
        """Note that a heartbeat sent at `sent_at` (monotonic seconds) was answered."""
        self._until = max(self._until, sent_at + self._length)

    def end(self) -> None:
        """Note that the partitions are gone."""
        self._until = float("-inf")

    def valid(self, now: float) -> bool:
        """Say whether work may be begun at `now` (monotonic seconds)."""
        return now < self._until
