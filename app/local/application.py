"""Tollbridge's own four processes, started as `python -m app.processes.<name>`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from app.local.ports import LOOPBACK
from app.local.process import Output
from app.local.server import SingleServer, answers_http
from app.settings import SECRET_PREFIX, Settings, variable

ProcessName = Literal["ingress", "lifecycle", "openmeter", "nats"]
PROCESS_NAMES: tuple[ProcessName, ...] = get_args(ProcessName)
USUAL_PORTS: Mapping[ProcessName, int] = {
    "ingress": 8080,
    "lifecycle": 6066,
    "openmeter": 6067,
    "nats": 6068,
}


_OTHERS = frozenset(variable(field) for field in Settings.model_fields)


def is_setting(name: str) -> bool:
    """Say whether an environment variable is one that our processes read."""
    return name in _OTHERS or name.startswith(("TOLLBRIDGE_", "OTEL_", SECRET_PREFIX))


class Application(SingleServer):
    """One of the four processes, at `port`, with the settings in `settings`."""

    start_within = 60.0  # a table's recovery included
    stop_within = 25.0  # longer than TOLLBRIDGE_INGRESS_SHUTDOWN_TIMEOUT

    def __init__(
        self,
        process: ProcessName,
        port: int,
        settings: Mapping[str, str],
        *,
        name: str | None = None,
        output: Output | None = None,
    ) -> None:
        """Take environment variables in `settings`; `name` tells two workers of one kind apart."""
        super().__init__(name or process, port, output)
        self.process: ProcessName = process
        self.settings = dict(settings)

    @property
    def url(self) -> str:
        """Where its HTTP endpoints are."""
        return f"http://{LOOPBACK}:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return nothing: no process finds another by a setting."""
        return {}

    def command(self) -> Sequence[str]:
        """Return what to run."""
        return [sys.executable, "-m", f"app.processes.{self.process}"]

    def variables(self) -> Mapping[str, str]:
        """Return ours without any setting, then its settings, and what makes its output arrive by the line.

        A setting of the shell's would reach every stack otherwise, a test's and the demo's too.
        """
        return {
            **{name: value for name, value in os.environ.items() if not is_setting(name)},
            **self.settings,
            f"TOLLBRIDGE_{self.process.upper()}_PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
        }

    async def answers(self) -> bool:
        """Say whether it calls itself ready."""
        return await answers_http(f"{self.url}/readyz")
