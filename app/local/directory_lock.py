"""One user a directory: the kernel gives the lock back when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class DirectoryLock:
    """A lock on a directory, through a file in it; held by one process at a time, by one object in it."""

    def __init__(self, directory: Path) -> None:
        """Take the directory; it is made when the lock is acquired."""
        self.directory = directory
        self._path = directory / "lock"
        self._file: int | None = None

    def acquire(self) -> bool:
        """Take the lock; return False when somebody else has it. Harmless when it is held already."""
        if self._file is not None:
            return True
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
