"""Where we may be sent: to servers of the internet, and to no machine that only we can reach.

Whoever may name an address could have us ask what stands behind our own walls. So a host's name is looked up by us,
each of its addresses is looked at, and the connection goes to one that was looked at: a name that leads elsewhere the
second time has gained nothing. One address that may not be is enough to refuse the name; a public server has no such.

Of IPv6, what is given out to the public (2000::/3) is let by, without the parts of it that lead elsewhere; addresses
that carry one of IPv4 are judged by that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

Resolver: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses of a host, in the order in which they are to be tried; `OSError` when there are none."""

_OURS: Final = frozenset({"private", "loopback", "shared"})
"""Where a setting may allow to go."""
_V4: Final = tuple(
    (IPv4Network(network), what)
    for network, what in (
        ("168.63.129.16/32", "metadata"),
        ("169.254.0.0/16", "link_local"),
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared"),
        ("127.0.0.0/8", "loopback"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "reserved"),
        ("198.51.100.0/24", "reserved"),
        ("203.0.113.0/24", "reserved"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_METADATA: Final = frozenset(
    (
        IPv4Address("100.100.100.200"),
        IPv6Address("fd00:ec2::254"),
        IPv6Address("fd20:ce::254"),
        IPv6Address("fd00:c1::a9fe:a9fe"),
    )
)
"""Of clouds whose address for it lies in a range that may be allowed."""
_V6: Final = tuple(
    (IPv6Network(network), what)
    for network, what in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link_local"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "reserved"),
        ("2002::/16", "reserved"),
        ("3fff::/20", "reserved"),
    )
)
_PUBLIC_V6: Final = IPv6Network("2000::/3")
_CARRYING_V4: Final = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))


class BadAddress(Exception):
    """Nothing is sent there. `code` says what it is."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code: Final = code


def kind_of_address(text: str) -> str:
    """`public`, or what it is instead."""
    try:
        address = ip_address(text)
    except ValueError:
        return "reserved"  # it is none at all
    if isinstance(address, IPv6Address):
        if address in _METADATA:
            return "metadata"
        if any(address in network for network in _CARRYING_V4):
            return kind_of_address(str(IPv4Address(int(address) & 0xFFFF_FFFF)))
        found = next((what for network, what in _V6 if address in network), None)
        return found or ("public" if address in _PUBLIC_V6 else "reserved")
    if address in _METADATA:
        return "metadata"
    return next((what for network, what in _V4 if address in network), "public")


async def checked(host: str, resolve: Resolver, *, allow_private: bool) -> Sequence[str]:
    """The addresses of a host, if it may be told something; `BadAddress` if not."""
    try:
        addresses = await resolve(host)
    except OSError as error:
        raise BadAddress("unknown_host") from error
    if not addresses:
        raise BadAddress("unknown_host")
    allowed = {"public"} | (_OURS if allow_private else set())
    for address in addresses:
        kind = kind_of_address(address)
        if kind not in allowed:
            raise BadAddress(f"address_{kind}")
    return addresses
