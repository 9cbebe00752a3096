"""Rules for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_socket import disable_socket, enable_socket

TESTS = Path(__file__).parent
WITHOUT_NETWORK = {"unit", "property"}


@pytest.fixture(autouse=True)
def network(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test of a decision that opens a socket fails; the event loop's own socket pair is allowed."""
    if request.path.relative_to(TESTS).parts[0] not in WITHOUT_NETWORK:
        yield
        return
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once what this machine could not run; each reason holds the command that would install it."""
    reasons = {report.longrepr[2] for report in terminalreporter.stats.get("skipped", []) if report.longrepr}
    for reason in sorted(reasons):
        terminalreporter.write_line(f"not run here: {reason.removeprefix('Skipped: ')}")
