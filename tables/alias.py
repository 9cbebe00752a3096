"""Another name for a row: in the same RocksDB, made from the row's key, never in the changelog.

A timeline is kept under account, mode, customer and subscription, for it lies in its customer's partition.
Who asks by the subscription's id alone is led there by its alias. It is written before the row and again
when the changelog is read back: where there is a row, there is its alias.
"""

from __future__ import annotations

from collections.abc import Callable

ALIAS = b"\x00as\x00"
"""Begins the aliases' keys; no row's key begins with a zero byte."""

AliasOf = Callable[[bytes], bytes]
"""Makes the other name from a row's key."""


def alias_key(name: bytes) -> bytes:
    """Return the key under which the key of the row called `name` is kept."""
    return ALIAS + name
