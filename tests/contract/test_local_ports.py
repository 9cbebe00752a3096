"""Free ports. These bind sockets on the loopback interface and connect to nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from app.local.ports import HIGHEST, LOWEST, Port, free_port, give_back, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_somebody_listens_on_is_not_free(taken: int) -> None:
    assert not is_free(taken)


def test_the_usual_port_is_given_when_it_is_free_and_has_not_moved() -> None:
    usual = free_port().number
    give_back(usual)
    port = free_port(usual)
    assert (port.number, port.moved) == (usual, False)


def test_a_taken_usual_port_is_replaced_and_said_to_have_moved(taken: int) -> None:
    port = free_port(taken)
    assert port.moved
    assert port.number != taken
    assert is_free(port.number)


def test_no_port_is_given_twice_even_before_it_is_used() -> None:
    numbers = [free_port().number for _ in range(50)]
    assert len(set(numbers)) == 50


def test_the_usual_port_is_not_given_twice_either() -> None:
    first = free_port().number
    give_back(first)
    assert free_port(first).number == first
    assert free_port(first).moved


def test_ports_lie_below_those_of_outgoing_connections() -> None:
    assert all(LOWEST <= free_port().number <= HIGHEST for _ in range(50))
    assert HIGHEST < 32768


def test_a_port_without_a_usual_one_has_not_moved() -> None:
    assert not Port(20000).moved
