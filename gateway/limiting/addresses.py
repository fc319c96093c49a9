"""Where a request is from: the last hop that we do not trust; and whether it came to our proxies by https.

Every proxy appends the address that it was asked from to what it was told. So the list is read from its end, which is
our own peer, for as long as the hop is one of our proxies: the first that isn't is the client. What stands before it a
stranger has written, and nobody reads it. A hop that cannot be read ends the search at the proxy that said it.

That proxy, the outermost of ours, says by which scheme it was asked: in `X-Forwarded-Proto`, or in the same element of
`Forwarded`. Where each proxy appends, it is said at the same place from the end as where it was asked from; where there
are fewer words than hops, they pass one on or write their own, and it is the last.

An address counts as a whole for IPv4; of IPv6 it is the /64, since anybody who has one address there has all of those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_network
from itertools import islice
from socket import AF_INET, AF_INET6, inet_pton
from typing import Final, NamedTuple, TypeAlias, get_args

from gateway.limiting.limits import HOPS_MAX, ForwardedHeader, Proxies

_V4_IN_V6: Final = bytes(10) + b"\xff\xff"
_SITE_BYTES: Final = 8
_FOR: Final = re.compile(r'(?:^|[;,])[ \t]*for[ \t]*=[ \t]*("[^",;]*"|[^;,\s"]*)', re.IGNORECASE)
_PROTO: Final = re.compile(r'(?:^|;)[ \t]*proto[ \t]*=[ \t]*"?(https?)"?[ \t]*(?:$|;)', re.IGNORECASE)
_WITH_PORT: Final = re.compile(r"\[([^\[\]]*)\](?::\d{1,5})?|([\d.]+):\d{1,5}", re.ASCII)

NONE: Final = Proxies()
Headers: TypeAlias = Iterable[tuple[bytes, bytes]]


class _Network(NamedTuple):
    first: int
    mask: int
    size: int
    """Of an address in it, in bytes."""


class Addresses:
    def __init__(self, proxies: Proxies = NONE) -> None:
        self._networks: Final = tuple(map(_network, proxies.networks))
        self._header: Final[bytes] = proxies.header.encode()
        self._hops: Final = _HOPS[proxies.header]
        scheme_header, self._schemes = _SCHEMES[proxies.header]
        self._scheme_header: Final = scheme_header.encode()

    def of(self, peer: str, headers: Headers) -> str:
        """The address of whoever asks, in text; `peer` is the one at the other end of the connection."""
        if not self._networks or not self.trusts(peer):
            return peer
        return self._client(peer, headers)[0]

    def scheme(self, peer: str, headers: Headers, served: str) -> str:
        """`https` or `http`, as the client asked; as it is `served` here, unless a proxy of ours says otherwise."""
        if not self._networks or not self.trusts(peer):
            return served
        schemes = self._schemes(_said(headers, self._scheme_header))
        if not schemes:
            return served
        hops = self._client(peer, headers)[1]
        return schemes[-hops if 0 < hops <= len(schemes) else -1] or served

    def _client(self, peer: str, headers: Headers) -> tuple[str, int]:
        """And at which hop they are, counted from us."""
        client, hops = peer, 0
        for hop in islice(reversed(self._hops(_said(headers, self._header))), HOPS_MAX):
            hops += 1
            packed = _packed(hop)
            if packed is None:
                break
            client = hop
            if not self._trusts(packed):
                break
        return client, hops

    def trusts(self, peer: str) -> bool:
        """Whether that is a proxy of ours."""
        packed = _packed(peer)
        return packed is not None and self._trusts(packed)

    def _trusts(self, packed: bytes) -> bool:
        number, size = int.from_bytes(packed), len(packed)
        return any(size == network.size and number & network.mask == network.first for network in self._networks)


def counted(address: str) -> bytes:
    """By what an address is counted. Who has none, at the other end of a local socket, is counted as one."""
    packed = _packed(address)
    return b"" if packed is None else packed[:_SITE_BYTES]


def _packed(address: str) -> bytes | None:
    """Four bytes or sixteen; an IPv4 address that is written as one of IPv6 is that of IPv4."""
    try:
        if ":" not in address:
            return inet_pton(AF_INET, address)
        packed = inet_pton(AF_INET6, address.partition("%")[0])
    except (OSError, ValueError):  # ValueError for what cannot be encoded or has a NUL in it
        return None
    return packed[12:] if packed.startswith(_V4_IN_V6) else packed


def _network(text: str) -> _Network:
    network = ip_network(text)
    return _Network(int(network.network_address), int(network.netmask), network.max_prefixlen // 8)


def _said(headers: Headers, header: bytes) -> str:
    return ",".join([value.decode("latin-1") for name, value in headers if name == header])


def _listed(said: str) -> list[str]:
    """`X-Forwarded-For: 203.0.113.7, 10.0.0.1`"""
    return [_bare(hop.strip()) for hop in said.split(",") if hop.strip()]


def _for(said: str) -> list[str]:
    """`Forwarded: for="[2001:db8::7]:4711";proto=https, for=10.0.0.1` (RFC 7239)."""
    return [_bare(found[1].strip('"')) for found in _FOR.finditer(said)]


def _listed_schemes(said: str) -> list[str]:
    """`X-Forwarded-Proto: https, http`; of anything else it is nothing."""
    named = [one.strip().lower() for one in said.split(",") if one.strip()]
    return [one if one in {"https", "http"} else "" for one in named]


def _protos(said: str) -> list[str]:
    """Of each element of `Forwarded`, nothing where it doesn't say."""
    found = [_PROTO.search(element) for element in said.split(",") if element.strip()]
    return ["" if one is None else one[1].lower() for one in found]


def _bare(hop: str) -> str:
    """Without its port, which some proxies say too."""
    found = _WITH_PORT.fullmatch(hop)
    return hop if found is None else found[1] or found[2] or ""


_HOPS: Final = {"x-forwarded-for": _listed, "forwarded": _for}
_SCHEMES: Final = {"x-forwarded-for": ("x-forwarded-proto", _listed_schemes), "forwarded": ("forwarded", _protos)}
assert set(_HOPS) == set(_SCHEMES) == set(get_args(ForwardedHeader))
