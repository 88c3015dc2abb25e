"""Which addresses this machine has."""

import ipaddress
import socket

from bridge.server.access.addresses import own_addresses


def test_they_are_addresses_that_others_may_use_and_each_can_be_listened_on() -> None:
    for address in own_addresses():
        ip = ipaddress.ip_address(address)
        assert not (ip.is_loopback or ip.is_link_local or ip.is_unspecified)
        family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_STREAM) as made:
            made.bind((address, 0))


def test_each_is_named_once() -> None:
    assert len(own_addresses()) == len(set(own_addresses()))
