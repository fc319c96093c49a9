"""Where webhooks may go: each range by an address of its own, names that lead astray, and what a setting allows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.abroad.addresses import BadAddress, checked, kind_of_address
from gateway.abroad.names import looking_up
from gateway.abroad.network import CheckedNetwork

KINDS = [
    ("8.8.8.8", "public"),
    ("93.184.216.34", "public"),
    ("172.15.255.255", "public"),
    ("172.32.0.0", "public"),
    ("100.63.255.255", "public"),
    ("100.128.0.0", "public"),
    ("223.255.255.255", "public"),
    ("0.0.0.0", "unspecified"),
    ("0.1.2.3", "unspecified"),
    ("10.0.0.1", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.1", "shared"),
    ("100.127.255.255", "shared"),
    ("100.100.100.200", "metadata"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("168.63.129.16", "metadata"),
    ("169.254.0.1", "link_local"),
    ("169.254.169.254", "link_local"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.192", "reserved"),
    ("192.0.2.1", "reserved"),
    ("192.88.99.1", "reserved"),
    ("192.168.0.1", "private"),
    ("198.18.0.1", "reserved"),
    ("198.19.255.255", "reserved"),
    ("198.51.100.1", "reserved"),
    ("203.0.113.1", "reserved"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "reserved"),
    ("2606:4700:4700::1111", "public"),
    ("2a00:1450:4001::1", "public"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::7f00:1", "reserved"),
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:10.1.2.3", "private"),
    ("::ffff:169.254.169.254", "link_local"),
    ("::ffff:8.8.8.8", "public"),
    ("64:ff9b::a00:1", "private"),
    ("64:ff9b::808:808", "public"),
    ("64:ff9b:1::1", "reserved"),
    ("100::1", "reserved"),
    ("2001::1", "reserved"),
    ("2001:db8::1", "reserved"),
    ("2002:7f00:1::", "reserved"),
    ("3fff::1", "reserved"),
    ("5f00::1", "reserved"),
    ("fc00::1", "private"),
    ("fd12:3456:789a::1", "private"),
    ("fd00:ec2::254", "metadata"),
    ("fd20:ce::254", "metadata"),
    ("fd00:c1::a9fe:a9fe", "metadata"),
    ("fe80::1", "link_local"),
    ("fe80::1%eth0", "link_local"),
    ("fec0::1", "reserved"),
    ("ff02::1", "multicast"),
    ("nonsense", "reserved"),
]


def says(*addresses: str) -> Any:
    async def resolve(_host: str) -> Sequence[str]:
        return addresses

    return resolve


@pytest.mark.parametrize(("address", "kind"), KINDS)
def test_every_range_is_known(address: str, kind: str) -> None:
    """What is not public is called by what it is."""
    assert kind_of_address(address) == kind


@given(st.ip_addresses())
def test_what_is_public_is_global(address: Any) -> None:
    """Nothing is let by that Python's own tables call anything else."""
    if kind_of_address(str(address)) == "public":
        carried = getattr(address, "ipv4_mapped", None)
        assert (carried or address).is_global or str(address).startswith("64:ff9b::")


@pytest.mark.parametrize(("address", "kind"), [pair for pair in KINDS if pair[1] != "public"])
async def test_what_is_not_public_is_not_gone_to(address: str, kind: str) -> None:
    """Where a setting allows it, to our own networks; never to metadata, link-local or multicast ones."""
    with pytest.raises(BadAddress) as refused:
        await checked("host", says(address), allow_private=False)
    assert refused.value.code == f"address_{kind}"
    if kind in {"private", "loopback", "shared"}:
        assert await checked("host", says(address), allow_private=True) == (address,)
    else:
        with pytest.raises(BadAddress):
            await checked("host", says(address), allow_private=True)


async def test_one_bad_address_is_enough() -> None:
    """Wherever it stands among good ones."""
    with pytest.raises(BadAddress, match="loopback"):
        await checked("host", says("8.8.8.8", "127.0.0.1"), allow_private=False)
    assert await checked("host", says("8.8.8.8", "8.8.4.4"), allow_private=False) == ("8.8.8.8", "8.8.4.4")


async def test_a_name_without_addresses_is_unknown() -> None:
    """Whether nobody has any, or looking it up fails."""

    async def fails(_host: str) -> Sequence[str]:
        raise OSError("no such name")

    for resolve in (says(), fails):
        with pytest.raises(BadAddress, match="unknown_host"):
            await checked("host", resolve, allow_private=True)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "0x7f.1", "2130706433", "::1"])
async def test_this_machine_is_known_by_all_of_its_names(host: str) -> None:
    """As the system looks them up."""
    with looking_up(1) as resolve, pytest.raises(BadAddress, match="loopback"):
        await checked(host, resolve, allow_private=False)


class Recording(httpcore.AsyncNetworkBackend):
    """Where somebody would have connected to."""

    def __init__(self, *fails: str) -> None:
        self.hosts: list[str] = []
        self._fails = fails

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the protocol's own
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.hosts.append(host)
        if host in self._fails:
            raise httpcore.ConnectError("nobody there")
        return httpcore.AsyncNetworkStream()


async def test_a_name_that_leads_elsewhere_the_second_time_gains_nothing() -> None:
    """It is looked up once for a connection, and that goes to the address which was looked at, not to the name."""
    answers = [("93.184.216.34",), ("127.0.0.1",)]
    asked: list[str] = []

    async def changes(host: str) -> Sequence[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    network, beneath = CheckedNetwork(changes, allow_private=False), Recording()
    network._network = beneath  # type: ignore[misc, assignment]  # what a socket would be opened by
    await network.connect_tcp("evil.test", 443)
    assert (asked, beneath.hosts) == (["evil.test"], ["93.184.216.34"])
    with pytest.raises(BadAddress, match="loopback"):
        await network.connect_tcp("evil.test", 443)
    assert beneath.hosts == ["93.184.216.34"]


async def test_the_next_address_is_tried_when_one_is_silent() -> None:
    """So many of them, and all were looked at before the first."""
    four = says("8.8.8.8", "8.8.4.4", "1.1.1.1", "9.9.9.9")
    network, beneath = CheckedNetwork(four, allow_private=False), Recording("8.8.8.8", "8.8.4.4", "1.1.1.1")
    network._network = beneath  # type: ignore[misc, assignment]  # as above
    with pytest.raises(httpcore.ConnectError):
        await network.connect_tcp("host", 443)
    assert beneath.hosts == ["8.8.8.8", "8.8.4.4", "1.1.1.1"]
