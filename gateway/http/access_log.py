"""The access log: one line for each request, with nothing in it that says who a person is or opens anything.

A line has the template of the route and not the path, the names of query parameters and not what they say, the caller
as the log of facts knows them (`key:shop`, `session:…`), and the address without its end, unless it was set otherwise.
Headers and bodies are not looked at, but for the request's id. What is not known to be harmless is left out: so is a
name that nobody of us would give a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

Addresses: TypeAlias = Literal["short", "full", "none"]

LOGGER: Final = "gateway.access"
PARAMETERS_MAX: Final = 16
ADDRESSES_KEPT_MAX: Final = 4_096
NAMES_KEPT_MAX: Final = 512
_PARAMETER: Final = re.compile(rb"[a-z][a-z_]{0,31}")
_V6_KEPT_BITS: Final = 48


class Line(msgspec.Struct, frozen=True, gc=False):
    """As it is written, in this order; what there is nothing of is left out."""

    timestamp: datetime
    level: str
    event: str
    logger: str
    method: str
    route: str
    status: int
    ms: float
    bytes: int
    request: str
    caller: str | UnsetType = UNSET
    address: str | UnsetType = UNSET
    query: tuple[str, ...] | UnsetType = UNSET
    problem: str | UnsetType = UNSET
    trace: str | UnsetType = UNSET


Lines: TypeAlias = Callable[[Line], Any]
"""Takes them, to be written."""


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
        if self._addresses == "short" and address:
            address = shortened(address)
        elif self._addresses == "none":
            address = ""
        self._lines(
            Line(
                datetime.now(UTC),
                "info",
                "request",
                LOGGER,
                method,
                route,
                status,
                int(took_s * 100_000) / 100,
                size,
                request,
                caller or UNSET,
                address or UNSET,
                parameters(query) if query else UNSET,
                problem or UNSET,
                trace or UNSET,
            )
        )


def parameters(query: bytes) -> tuple[str, ...]:
    """The names of the parameters; a question mark for one that is none of ours."""
    pairs = query.split(b"&", PARAMETERS_MAX)
    return tuple([_name(pair.partition(b"=")[0]) for pair in pairs[:PARAMETERS_MAX]])


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
