"""A real Redis server, where one is installed: the tests' and, on request, the local stack's."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence

from app.local.ports import LOOPBACK, free_port
from app.local.process import Output, ProcessFailed
from app.local.server import SingleServer

_REPLY = 2.0
MISSING = "redis-server was not found; on Debian: apt-get install redis-server"


class RedisServer(SingleServer):
    """One Redis server on the loopback interface, in memory alone."""

    def __init__(
        self,
        port: int | None = None,
        *,
        password: str | None = None,
        memory: str | None = None,
        output: Output | None = None,
    ) -> None:
        """Take `port`, any free one by default, a password, and how much it may hold, such as 2mb."""
        super().__init__("redis-server", port or free_port().number, output)
        self._password = password
        self._memory = memory

    @property
    def url(self) -> str:
        """The address as REDIS_URL wants it."""
        secret = "" if self._password is None else f":{self._password}@"
        return f"redis://{secret}{LOOPBACK}:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the settings with which our processes use it."""
        return {"REDIS_URL": self.url}

    def command(self) -> Sequence[str]:
        """Return what to run. Raises ProcessFailed when it is not installed."""
        binary = shutil.which("redis-server")
        if binary is None:
            raise ProcessFailed(MISSING)
        options = {
            "bind": LOOPBACK,
            "port": str(self.port),
            "save": "",
            "appendonly": "no",
            "dbfilename": "tollbridge-none.rdb",  # no dump that another Redis left here
            "enable-debug-command": "local",
            "maxmemory-policy": "noeviction",
        }
        if self._password is not None:
            options["requirepass"] = self._password
        if self._memory is not None:
            options["maxmemory"] = self._memory
        return [binary, *(part for name, value in options.items() for part in (f"--{name}", value))]

    async def answers(self) -> bool:
        """Say whether it answers a PING, be it that it wants a password."""
        try:
            async with asyncio.timeout(_REPLY):
                reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
                try:
                    writer.write(b"PING\r\n")
                    line = await reader.readline()
                finally:
                    writer.close()
        except OSError:  # a TimeoutError is one
            return False
        return line.startswith((b"+PONG", b"-NOAUTH"))
