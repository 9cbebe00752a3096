"""Read events from files: one JSON document each, or one a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import orjson


class BadFile(Exception):  # noqa: N818 - says what is the case
    """A file is not JSON; the text begins with its name and line."""


def read_events(name: str, file: BinaryIO) -> Iterator[bytes]:
    """Return each event's exact bytes. Raises BadFile with file, line and what is wrong there."""
    content = file.read()
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError as whole:
        # Only a first line that is a document by itself makes it a file of lines; otherwise the fault of
        # the whole is what the user wants to hear.
        if not _is_json(next((line for line in content.splitlines() if line.strip()), b"")):
            raise BadFile(f"{name}:{whole.lineno}: not JSON: {whole.msg}") from whole
    else:
        yield content
        return
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise BadFile(f"{name}:{number}: not JSON: {error.msg}") from error
        yield line


def read_event_file(path: Path) -> Iterator[bytes]:
    """Return the events of the file at `path`."""
    with path.open("rb") as file:
        yield from read_events(str(path), file)


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
