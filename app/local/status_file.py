"""What `tollbridge send` needs to find the stack that runs in this directory.

It holds the local signing secret, so only its owner may read it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from app.local.stack_options import HOME

PATH = HOME / "stack.json"


@dataclass(frozen=True, slots=True)
class Status:
    """A stack that runs. `secret` is None when it was not made here but given from outside."""

    pid: int
    webhook_url: str
    secret: str | None
    addresses: Mapping[str, str]


def write_status(status: Status, path: Path = PATH) -> None:
    """Write the file, readable by its owner only from its first moment on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(status), file, indent=2)


def read_status(path: Path = PATH) -> Status | None:
    """Return the stack that runs here, or None when there is none (a killed one's file is no stack)."""
    try:
        status = Status(**json.loads(path.read_text()))
        os.kill(status.pid, 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return status


def remove_status(path: Path = PATH) -> None:
    """Remove the file, if it is this process's."""
    status = read_status(path)
    if status is not None and status.pid == os.getpid():
        path.unlink(missing_ok=True)
