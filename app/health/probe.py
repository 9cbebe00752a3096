"""Ask the process in this container for its health: `python -m app.health.probe`, for Docker's HEALTHCHECK.

One image runs any of the four, so each port is tried. Exit code 0 when one of them is alive, otherwise 1.
"""

from __future__ import annotations

import http.client
import sys

from app.settings import Settings, SettingsError, read_settings

TIMEOUT_SECONDS = 3.0


def alive(settings: Settings) -> bool:
    """Say whether /healthz answers 200 on one of the ports."""
    ports = (
        settings.ingress_port,
        settings.lifecycle_port,
        settings.openmeter_port,
        settings.nats_port,
    )
    return any(_answers(port) for port in ports)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main() -> int:
    """Return the exit code."""
    try:
        return 0 if alive(read_settings()) else 1
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the user's text
        return 1


if __name__ == "__main__":
    sys.exit(main())
