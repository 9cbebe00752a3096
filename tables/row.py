"""How a row is kept: its value behind the position of the message that wrote it.

A worker that lost its partition without knowing may still have a record of its own on the way. It lands
in the changelog behind the new owner's, and in a compacted topic the last one wins. So each row says in
which generation of the consumer group, and from which offset, it was written, and recovery refuses the
older one.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

_PREFIX = Struct(">IQ")


class Origin(NamedTuple):
    """Who wrote a row: the group's generation and the offset of the message in hand."""

    generation: int
    offset: int


class Change(NamedTuple):
    """A row as it has to reach the changelog; `value` None is a tombstone."""

    topic: str
    partition: int
    key: bytes
    value: bytes | None


def pack(origin: Origin, value: bytes) -> bytes:
    """Return `value` behind its origin."""
    return _PREFIX.pack(*origin) + value


def unpack(row: bytes) -> tuple[Origin, bytes]:
    """Return the origin and the value of `row`."""
    return Origin(*_PREFIX.unpack_from(row)), row[_PREFIX.size :]


def supersedes(new: Origin, old: Origin) -> bool:
    """Say whether a row of `new` may replace one of `old` that recovery has already seen.

    Refused only when both are lower: a lower generation alone happens when a group is made anew, a lower
    offset alone when a message is replayed.
    """
    return new.generation >= old.generation or new.offset >= old.offset
