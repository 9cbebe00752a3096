"""The tables' rows in a real RocksDB: kept by partition, refused when late, expired when old."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from struct import Struct

import faust
import pytest
import rocksdict
from faust.types import TP

from tables.expiry import INDEX, Sweep, index_key
from tables.row import Origin, pack, supersedes, unpack
from tables.store import RocksRows
from tables.table import FLUSH_EVERY, NOTE_EVERY, Table

TIME = Struct(">Q")


def time_of(row: bytes) -> int:
    return int(TIME.unpack_from(row)[0])


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[rocksdict.Rdict]:
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)
    database = rocksdict.Rdict(str(tmp_path / "rows"), options=options)
    yield database
    database.close()


def keep(rows: rocksdict.Rdict, key: bytes, at: int) -> None:
    rows.put(key, TIME.pack(at))
    rows.put(index_key(at, key), b"")


def test_a_row_says_who_wrote_it() -> None:
    assert unpack(pack(Origin(7, 1 << 40), b"value")) == (Origin(7, 1 << 40), b"value")


@pytest.mark.parametrize(
    ("new", "old", "taken"),
    [
        (Origin(2, 100), Origin(1, 50), True),  # the next owner goes on
        (Origin(2, 50), Origin(1, 100), True),  # the next owner replays
        (Origin(1, 50), Origin(2, 100), False),  # a frozen worker's late record
        (Origin(1, 150), Origin(2, 100), True),  # a group made anew counts its generations from one
        (Origin(2, 100), Origin(2, 100), True),  # the same message again
    ],
)
def test_recovery_refuses_what_an_earlier_owner_sent_late(new: Origin, old: Origin, taken: bool) -> None:  # noqa: FBT001 - the expectation
    assert supersedes(new, old) is taken


def test_the_oldest_expire_first_and_a_bounded_number_a_call(rows: rocksdict.Rdict) -> None:
    for key, at in ((b"c", 30), (b"a", 10), (b"b", 20), (b"d", 40)):
        keep(rows, key, at)
    sweep = Sweep(RocksRows(rows), time_of)
    assert sweep.expired(before=40, limit=2) == [b"a", b"b"]
    assert sweep.expired(before=40, limit=2) == [b"c"]
    assert sweep.expired(before=40, limit=2) == []


def test_a_row_seen_again_later_does_not_expire_by_its_old_place(rows: rocksdict.Rdict) -> None:
    keep(rows, b"a", 10)
    keep(rows, b"a", 50)
    assert Sweep(RocksRows(rows), time_of).expired(before=40, limit=10) == []
    assert Sweep(RocksRows(rows), time_of).expired(before=60, limit=10) == [b"a"]


def test_expiry_goes_on_where_it_was_after_a_restart(rows: rocksdict.Rdict) -> None:
    for at in range(10):
        keep(rows, b"%d" % at, at)
    Sweep(RocksRows(rows), time_of).expired(before=5, limit=3)
    assert Sweep(RocksRows(rows), time_of).expired(before=5, limit=10) == [b"3", b"4"]


def test_the_index_leaves_nothing_behind(rows: rocksdict.Rdict) -> None:
    keep(rows, b"a", 10)
    for key in Sweep(RocksRows(rows), time_of).expired(before=11, limit=10):
        rows.delete(key)
    assert list(RocksRows(rows).keys(from_key=INDEX)) == []


CHANGELOG = TP("x-timeline-changelog", 2)
WRITER = """
import os, signal, sys
from pathlib import Path
from tests.unit.test_store import table_in
from tables.row import Origin

table = table_in(Path(sys.argv[1]))
for offset in range(int(sys.argv[2])):
    table.put(2, b"%d" % offset, b"x" * 1000, Origin(1, offset))
    table.acknowledged(2, offset)
os.kill(os.getpid(), signal.SIGKILL)
"""


def table_in(directory: Path) -> Table:
    app = faust.App("x", broker="kafka://127.0.0.1:1", datadir=directory, store="rocksdb://")
    return Table(app, name="timeline", partitions=4)


def test_after_a_kill_all_rows_up_to_the_noted_offset_are_there(tmp_path: Path) -> None:
    """So that recovery, which reads the changelog from that offset on, leaves nothing out."""
    written = 4 * FLUSH_EVERY
    killed = subprocess.run([sys.executable, "-c", WRITER, str(tmp_path), str(written)], check=False)
    assert killed.returncode == -signal.SIGKILL
    table = table_in(tmp_path)
    noted = table.rows.persisted_offset(CHANGELOG)
    assert noted is not None
    assert [offset for offset in range(noted + 1) if table.get_row(2, b"%d" % offset) is None] == []
    # How much is left to read from the changelog is bounded too; the last flush may still have been at work.
    assert written - noted <= 3 * FLUSH_EVERY + NOTE_EVERY


async def test_a_worker_that_ends_leaves_everything_in_files(tmp_path: Path) -> None:
    table = table_in(tmp_path)
    table.put(2, b"key", b"row", Origin(1, 0))
    table.acknowledged(2, 0)
    await table.rows.stop()
    again = table_in(tmp_path)
    assert again.get_row(2, b"key") == b"row"
    assert again.rows.persisted_offset(CHANGELOG) == 0
