"""What can go wrong with a message, typed by its cure.

Exception
├── Reject   this message can never be accepted: dead-letter it, go on
├── Retry    nothing is wrong with the message: try it again later
│   └── Trip   and stop asking at once: open the circuit breaker
└── Stop     nothing this process does can help: end it, loudly
"""

from __future__ import annotations


class Reject(Exception):  # noqa: N818 - named by its cure, not as an error
    """The message can never be accepted; its bytes go to dead.letters and the rest goes on."""

    def __init__(self, reason: str, detail: str) -> None:
        """Take `reason`, a bounded label (snake_case, used in metrics), and `detail`, a sentence."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Retry(Exception):  # noqa: N818 - named by its cure, not as an error
    """The other side could not take the message now; the same message is tried again later."""

    def __init__(self, detail: str, *, after: float | None = None) -> None:
        """Take `detail`, a sentence, and `after`, the seconds the other side asked for, if it did."""
        super().__init__(detail)
        self.detail = detail
        self.after = after


class Trip(Retry):
    """The other side refuses everything (a revoked token, say): open the breaker, dead-letter nothing."""


class Stop(Exception):  # noqa: N818 - named by its cure, not as an error
    """This process must not go on; the text says what an operator has to do."""
