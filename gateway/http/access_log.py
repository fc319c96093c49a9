"""The access log: one line for each request, with nothing in it that says who a person is or opens anything.

A line has the template of the route and not the path, the names of query parameters and not what they say, the caller
as the log of facts knows them (`key:shop`, `session:…`), and the address without its end, unless it was set otherwise.
Headers and bodies are not looked at, but for the request's id. What is not known to be harmless is left out: so is a
name that nobody of us would give a parameter.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any, Final, Literal, Protocol, TypeAlias

Addresses: TypeAlias = Literal["short", "full", "none"]

PARAMETERS_MAX: Final = 16
ADDRESSES_KEPT_MAX: Final = 4_096
NAMES_KEPT_MAX: Final = 512
_PARAMETER: Final = re.compile(rb"[a-z][a-z_]{0,31}")
_V6_KEPT_BITS: Final = 48


class Lines(Protocol):
    """Takes what a line says: `structlog`'s `info`, or a shorter way."""

    def __call__(self, event: str, /, **fields: Any) -> Any: ...


class AccessLog:
    def __init__(self, lines: Lines, addresses: Addresses = "short") -> None:
        self._lines: Final = lines
        self._addresses: Final = addresses

    def request(
        self,
        method: str,
        route: str,
        status: int,
        took_s: float,
        size: int,
        *,
        request: str,
        caller: str,
        address: str,
        query: bytes,
        problem: str,
        trace: str,
    ) -> None:
        fields: dict[str, Any] = {
            "method": method,
            "route": route,
            "status": status,
            "ms": int(took_s * 100_000) / 100,
            "bytes": size,
            "request": request,
        }
        if caller:
            fields["caller"] = caller
        if address and self._addresses != "none":
            fields["address"] = shortened(address) if self._addresses == "short" else address
        if query:
            fields["query"] = parameters(query)
        if problem:
            fields["problem"] = problem
        if trace:
            fields["trace"] = trace
        self._lines("request", **fields)


def parameters(query: bytes) -> list[str]:
    """The names of the parameters; a question mark for one that is none of ours."""
    pairs = query.split(b"&", PARAMETERS_MAX)
    return [_name(pair.partition(b"=")[0]) for pair in pairs[:PARAMETERS_MAX]]


@lru_cache(NAMES_KEPT_MAX)
def _name(name: bytes) -> str:
    return name.decode() if _PARAMETER.fullmatch(name) else "?"


@lru_cache(ADDRESSES_KEPT_MAX)
def shortened(address: str) -> str:
    """The network that it is in, of 256 addresses, or of those that one customer of a provider has."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return "?"
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is None:
            kept = int(found) >> (128 - _V6_KEPT_BITS) << (128 - _V6_KEPT_BITS)
            return f"{IPv6Address(kept)}/{_V6_KEPT_BITS}"
        found = found.ipv4_mapped
    return f"{str(found).rpartition('.')[0]}.0/24"
