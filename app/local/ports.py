"""Free ports on the loopback interface.

Ports come from below the kernel's range for outgoing connections (32768 and up on Linux). From within it,
a client that retries a server which is down can be given the server's own port, connect to itself, and
keep the server from ever coming back.
"""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
LOWEST, HIGHEST = 20000, 32767
_ATTEMPTS = 200

_given: set[int] = set()


class NoFreePort(Exception):  # noqa: N818 - says what is missing
    """Nothing could be bound on the loopback interface."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port that was free a moment ago. `preferred` is the usual one, if there is a usual one."""

    number: int
    preferred: int | None = None

    @property
    def moved(self) -> bool:
        """Whether the usual port was taken."""
        return self.preferred is not None and self.number != self.preferred


def free_port(preferred: int | None = None) -> Port:
    """Return `preferred` if it is free, another free port otherwise; never the same one twice.

    Raises NoFreePort when none of many tried ports can be bound.
    """
    if preferred is not None and preferred not in _given and is_free(preferred):
        _given.add(preferred)
        return Port(preferred, preferred)
    for _ in range(_ATTEMPTS):
        number = random.randint(LOWEST, HIGHEST)  # noqa: S311 - spreads, hides nothing
        if number not in _given and is_free(number):
            _given.add(number)
            return Port(number, preferred)
    raise NoFreePort(
        f"none of {_ATTEMPTS} ports tried between {LOWEST} and {HIGHEST} on {LOOPBACK} is free; "
        "see what listens there with `ss -ltn`"
    )


def give_back(number: int) -> None:
    """Say that `number` is not needed any more, so that it may be given out again."""
    _given.discard(number)


def is_free(number: int) -> bool:
    """Say whether a server could listen on `number` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do it: connections in TIME_WAIT from the last run do not make a port busy.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, number))
        except OSError:
            return False
    return True
