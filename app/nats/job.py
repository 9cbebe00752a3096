"""How a Job's module runs its one piece of work: settings, logs, exit code."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from agents.errors import Stop
from app.logs import configure_logs
from app.settings import Settings, SettingsError, read_settings


def run_job(work: Callable[[Settings], Coroutine[Any, Any, None]]) -> int:
    """Do `work`; return 0 when it is done, 1 when an operator has to act, 2 when the settings are wrong."""
    try:
        settings = read_settings()
        configure_logs(settings, "nats")
        asyncio.run(work(settings))
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the user's text, not a log line
        return 2
    except Stop as stop:
        print(stop, file=sys.stderr)  # noqa: T201 - the same
        return 1
    return 0
