"""A table in memory, with the part of `tables.table.Table` that our own code uses."""

from __future__ import annotations

from collections.abc import Iterator

from tables.alias import AliasOf
from tables.row import Change, Origin


class FakeRows:
    """Rows by partition and key. `alias_of` makes the second name of a key, as the real one's does."""

    def __init__(self, alias_of: AliasOf | None = None) -> None:
        self.rows: dict[tuple[int, bytes], bytes] = {}
        self._aliases: dict[tuple[int, bytes], bytes] = {}
        self._alias_of = alias_of

    def get_row(self, partition: int, key: bytes) -> bytes | None:
        return self.rows.get((partition, key))

    def put(self, partition: int, key: bytes, value: bytes, origin: Origin) -> Change:  # noqa: ARG002 - as the table's
        self.rows[partition, key] = value
        return Change("changelog", partition, key, value)

    def delete(self, partition: int, key: bytes) -> Change:
        self.rows.pop((partition, key), None)
        return Change("changelog", partition, key, None)

    def add_alias(self, partition: int, key: bytes) -> None:
        if self._alias_of is not None:
            self._aliases[partition, self._alias_of(key)] = key

    def aliased(self, partition: int, alias: bytes) -> bytes | None:
        return self._aliases.get((partition, alias))

    def expired(self, partition: int, before: int, limit: int) -> list[bytes]:  # noqa: ARG002 - as the table's
        return []

    def scan(
        self, partition: int, prefix: bytes, after: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        for (at, key), value in sorted(self.rows.items()):
            if at == partition and key.startswith(prefix) and (after is None or key > after):
                yield key, value
