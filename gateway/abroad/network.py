"""Connections to hosts that somebody else has named, and to none but the very addresses that were looked at.

httpcore asks this for every connection, so that nothing above it, neither a redirect nor a name that leads elsewhere
the second time, comes past it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import httpcore

from gateway.abroad.addresses import Resolver, checked

ADDRESSES_TRIED_MAX: Final = 3
WITHIN_S: Final = 10.0
"""Where whoever connects has named no time."""


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to hosts that may be told something, and to the very addresses that were looked at."""

    def __init__(self, resolve: Resolver, *, allow_private: bool) -> None:
        self._resolve: Final = resolve
        self._allow_private: Final = allow_private
        self._network: Final = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the protocol's own
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        host = host.removeprefix("[").removesuffix("]")
        addresses = await checked(host, self._resolve, allow_private=self._allow_private)
        *others, last = addresses[:ADDRESSES_TRIED_MAX]
        for address in others:
            try:
                return await self._network.connect_tcp(
                    address, port, timeout=(timeout or WITHIN_S) / ADDRESSES_TRIED_MAX
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(last, port, timeout=timeout)
