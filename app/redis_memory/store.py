"""What the memory needs of Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Store(Protocol):
    """Marks, as a server keeps them. Errors by their cure: `Retry` no answer, `Trip` nothing will be."""

    async def ping(self) -> None:
        """Return when it answers. Raises Retry or Trip."""
        ...

    async def held(self, keys: Sequence[bytes], within: float) -> list[bool]:
        """Say of each key whether it is marked, in at most `within` seconds. Raises Retry, Trip, Reject."""
        ...

    async def mark(self, keys: Sequence[bytes], within: float) -> None:
        """Mark all keys, in at most `within` seconds. Raises Retry, Trip; Reject when it takes none."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
