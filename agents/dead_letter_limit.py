"""How much may be dead-lettered before the fault must be ours.

One poisoned message is the sender's fault and goes aside. When everything fails, it is a bad deploy or a
wrong setting, and going on would empty the topic into dead.letters; then stopping is the only safe thing:
what is not buried waits in Kafka. (The idea is arroyo's `DlqLimit`.)
"""

from __future__ import annotations

from collections import deque

from agents.errors import Stop

CURE = (
    "The fault is probably in the settings or in this release: nothing more is dead-lettered, what is left "
    "waits in Kafka. Look at the reasons in dead.letters, mend the cause and start again."
)


class DeadLetterLimit:
    """Counts how messages end, in the order in which they end. One for a process."""

    def __init__(self, max_ratio: float, max_consecutive: int, window: int | None = None) -> None:
        """Allow `max_consecutive` in a row, and a share of `max_ratio` among the last `window` messages.

        The share counts once the window is full, so that one bad message after a start is not "all of
        them". Twice `max_consecutive` is the window unless it is given.
        """
        self._max_ratio = max_ratio
        self._max_consecutive = max_consecutive
        self._recent: deque[bool] = deque(maxlen=window or 2 * max_consecutive)
        self._buried = 0
        self._consecutive = 0

    def passed(self, count: int = 1) -> None:
        """Note `count` messages that got where they should."""
        for _ in range(count):
            self._note(buried=False)
        if count:
            self._consecutive = 0

    def check(self, reason: str) -> None:
        """Raise Stop when burying one more message, for `reason`, would be one too many."""
        if self._consecutive + 1 > self._max_consecutive:
            raise Stop(
                f"{self._consecutive} messages in a row could not be delivered, this one for {reason!r}; "
                f"{self._max_consecutive} are allowed (TOLLBRIDGE_DEAD_LETTER_MAX_CONSECUTIVE). {CURE}"
            )
        size = self._recent.maxlen or 1
        after = self._buried + 1 - (len(self._recent) == size and self._recent[0])
        if len(self._recent) >= size - 1 and after / size > self._max_ratio:
            raise Stop(
                f"{after} of the last {size} messages were undeliverable, this one for {reason!r}; a share "
                f"of {self._max_ratio:g} is allowed (TOLLBRIDGE_DEAD_LETTER_MAX_RATIO). {CURE}"
            )

    def buried(self) -> None:
        """Note that a message was buried."""
        self._note(buried=True)
        self._consecutive += 1

    def _note(self, *, buried: bool) -> None:
        if len(self._recent) == self._recent.maxlen:
            self._buried -= self._recent[0]
        self._recent.append(buried)
        self._buried += buried
