"""Faust's RocksDB store, opened small, read and written by partition, and careful in recovery."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import rocksdict
from faust.stores.rocksdb import Store as FaustStore
from faust.types import TP, EventT

from tables.alias import AliasOf, alias_key
from tables.expiry import Sweep, TimeOf, index_key
from tables.row import supersedes, unpack

OPTIONS = {
    # Faust's defaults hold 192 MiB of write buffers and a 2 GiB cache for each partition of each table.
    "driver": "rocksdict",
    "write_buffer_size": 8 << 20,
    "max_write_buffer_number": 2,
    "target_file_size_base": 8 << 20,
    "block_cache_size": 16 << 20,
}


def without_log(database: Any) -> Any:
    """Have `database` write no log of its own: the changelog is the log.

    After a kill it is as it was at its last flush, all of it, the noted offset too, and recovery reads the
    changelog on from there. Kafka Streams does the same. The log was a third of what a write cost.
    """
    options = rocksdict.WriteOptions()
    options.disable_wal = True  # type: ignore[method-assign,assignment] # a property; its stub is wrong
    database.set_write_options(options)
    return database


class RocksRows:
    """One partition's database, as `tables.expiry.Rows`."""

    def __init__(self, database: Any) -> None:
        """Wrap rocksdict's `Rdict`, which has types for none of this in raw mode."""
        self._database = database

    def keys(self, *, from_key: bytes) -> Iterator[bytes]:
        """Iterate the keys in order from `from_key` on."""
        cursor = self._database.iter(rocksdict.ReadOptions())
        cursor.seek(from_key)
        while cursor.valid():
            yield cursor.key()
            cursor.next()

    def get(self, key: bytes) -> bytes | None:
        """Return a row."""
        row: bytes | None = self._database.get(key)
        return row

    def delete(self, key: bytes) -> None:
        """Forget a key."""
        self._database.delete(key)


class Store(FaustStore):
    """Rows of one table on this worker."""

    def __init__(
        self, *args: Any, time_of: TimeOf | None = None, alias_of: AliasOf | None = None, **kwargs: Any
    ) -> None:
        """Take Faust's arguments; `time_of` reads a value's time if rows expire.

        `alias_of` makes the other name of a key if rows have one.
        """
        # Faust takes the driver out of the very mapping it is given, so each store gets one of its own.
        super().__init__(*args, **{**kwargs, "options": dict(OPTIONS)})
        self._time_of = time_of
        self._alias_of = alias_of
        self._sweeps: dict[int, tuple[Any, Sweep]] = {}

    def _open_for_partition(self, partition: int) -> Any:
        return without_log(super()._open_for_partition(partition))

    def flush(self, partition: int, *, wait: bool = False) -> None:
        """Have what is in memory written to files, so that a recovery begins behind it."""
        self._db_for_partition(partition).flush(wait)

    async def stop(self) -> None:
        """Write everything to files and let go of the databases."""
        for partition in tuple(self._dbs):
            self.flush(partition, wait=True)
        self._sweeps.clear()
        await super().stop()

    def read(self, partition: int, key: bytes) -> bytes | None:
        """Return the row of `key`."""
        row: bytes | None = self._db_for_partition(partition).get(key)
        return row

    def write(self, partition: int, key: bytes, row: bytes) -> None:
        """Keep `row`, and its place in time if rows expire."""
        database = self._db_for_partition(partition)
        database.put(key, row)
        if self._time_of is not None:
            database.put(index_key(self._time_of(row), key), b"")

    def drop(self, partition: int, key: bytes) -> None:
        """Forget `key`."""
        self._db_for_partition(partition).delete(key)

    def add_alias(self, partition: int, key: bytes) -> None:
        """Write the alias of `key`, if rows have one. To be called before a new row is written."""
        if self._alias_of is not None:
            self._db_for_partition(partition).put(alias_key(self._alias_of(key)), key)

    def aliased(self, partition: int, alias: bytes) -> bytes | None:
        """Return the key of the row that is also called `alias`."""
        key: bytes | None = self._db_for_partition(partition).get(alias_key(alias))
        return key

    def measure(self) -> tuple[int, int]:
        """Return about how many keys all partitions here hold, indexes included, and in how many bytes."""
        keys = size = 0
        for database in tuple(self._dbs.values()):
            keys += database.property_int_value("rocksdb.estimate-num-keys") or 0
            size += database.property_int_value("rocksdb.total-sst-files-size") or 0
            size += database.property_int_value("rocksdb.cur-size-all-mem-tables") or 0
        return keys, size

    def scan(
        self, partition: int, prefix: bytes, after: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Iterate keys and rows that begin with `prefix`, in order, those behind the key `after` only."""
        rows = RocksRows(self._db_for_partition(partition))
        for key in rows.keys(from_key=prefix if after is None else after + b"\x00"):
            if not key.startswith(prefix):
                break
            row = rows.get(key)
            if row is not None:
                yield key, row

    def expired(self, partition: int, before: int, limit: int) -> list[bytes]:
        """Return keys of rows older than `before`, `limit` at most."""
        if self._time_of is None:
            return []
        database = self._db_for_partition(partition)
        known = self._sweeps.get(partition)
        if known is None or known[0] is not database:  # the partition went and came back: begin anew
            known = self._sweeps[partition] = (database, Sweep(RocksRows(database), self._time_of))
        return known[1].expired(before, limit)

    def revoke_partitions(self, table: Any, tps: set[TP]) -> None:
        """Let go of the databases, so that the lock on their files goes too."""
        for tp in tps:
            self._sweeps.pop(tp.partition, None)
        super().revoke_partitions(table, tps)

    def apply_changelog_batch(
        self,
        batch: Iterable[EventT[Any]],
        to_key: Callable[[Any], Any],  # noqa: ARG002 - Faust's signature; keys and values are bytes here
        to_value: Callable[[Any], Any],  # noqa: ARG002 - the same
    ) -> None:
        """Write changelog records to RocksDB, refusing what an earlier owner sent too late."""
        rows: dict[int, dict[bytes, bytes | None]] = defaultdict(dict)
        ends: dict[TP, int] = {}
        for event in batch:
            message = event.message
            ends[message.tp] = max(message.offset, ends.get(message.tp, -1))
            pending = rows[message.partition]
            key, row = message.key, message.value
            assert key is not None  # noqa: S101 - Kafka refuses a record without a key in a compacted topic
            if row is not None:
                old = pending[key] if key in pending else self.read(message.partition, key)
                if old is not None and not supersedes(unpack(row)[0], unpack(old)[0]):
                    continue
            pending[key] = row
        for partition, changes in rows.items():
            for key, row in changes.items():
                if row is None:
                    self.drop(partition, key)
                else:
                    self.add_alias(partition, key)
                    self.write(partition, key, row)
        for tp, offset in ends.items():
            self.set_persisted_offset(tp, offset)
