"""The rule that unit tests open no sockets is itself kept."""

from __future__ import annotations

import asyncio
import socket

import pytest
from pytest_socket import SocketBlockedError


def test_a_unit_test_that_opens_a_socket_fails() -> None:
    with pytest.warns(UserWarning, match="socket"), pytest.raises(SocketBlockedError):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)


async def test_a_unit_test_may_use_the_event_loop() -> None:
    assert await asyncio.to_thread(lambda: 1) == 1
