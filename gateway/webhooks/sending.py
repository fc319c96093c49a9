"""Sending: one request, to an address that was looked at, and what became of it.

httpcore rather than the client above it, because a webhook wants none of what that adds: no redirect is followed, no
proxy is taken from the environment, no cookie is kept, nothing is tried again. Where a connection goes is decided
beneath it, in `gateway.abroad.network`; its TLS is made for the host's name, so a certificate is checked against that.

What is answered is a status. Of the text behind it so much is read as lets the connection be used again, and thrown
away.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol
from urllib.parse import urlsplit

import httpcore

from gateway.abroad.addresses import BadAddress, Resolver
from gateway.abroad.names import looking_up
from gateway.abroad.network import CheckedNetwork
from gateway.webhooks.limits import (
    ANSWER_BYTES_MAX,
    ANSWER_READ_MS,
    AT_ONCE_MAX,
    IDLE_CONNECTION_MS,
    NAMES_AT_ONCE_MAX,
    TIMEOUT_MS,
)

REFUSED_FOR_GOOD: Final = "refused_for_good"
"""Of a `NotSent`: nobody is there, and nobody will be, so it is not tried again."""


class NotSent(Exception):
    """There was no answer, and why; the request may have arrived all the same."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code: Final = code


class Sending(Protocol):
    """What a courier sends with."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer; `NotSent` when there was none in time."""
        ...


class Posting:
    """A `Sending` over HTTP/1.1. Made with `posting`."""

    def __init__(self, pool: httpcore.AsyncConnectionPool, *, allow_http: bool, timeout_ms: int) -> None:
        self._pool: Final = pool
        self._allow_http: Final = allow_http
        self._timeout_s: Final = timeout_ms / 1000

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        if urlsplit(url).scheme != "https" and not self._allow_http:
            raise NotSent("not_https")
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(url, headers, body)
        except TimeoutError:
            raise NotSent("timeout") from None
        except BadAddress as error:
            raise NotSent(error.code) from None
        except httpcore.TimeoutException as error:
            raise NotSent("timeout") from error
        except httpcore.ConnectError as error:
            raise NotSent("bad_certificate" if _is_of_certificate(error) else "not_connected") from error
        except httpcore.ProtocolError as error:
            raise NotSent("not_http") from error
        except (httpcore.NetworkError, OSError) as error:
            raise NotSent("connection_lost") from error

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        async with self._pool.stream("POST", url, headers=list(headers.items()), content=body) as response:
            with suppress(TimeoutError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
                async with asyncio.timeout(ANSWER_READ_MS / 1000):
                    await _read(response)
            return response.status


async def _read(response: httpcore.Response) -> None:
    """The text, if it is short. One that is left unread closes the connection."""
    read = 0
    async for chunk in response.aiter_stream():
        read += len(chunk)
        if read > ANSWER_BYTES_MAX:
            return


def _is_of_certificate(error: BaseException) -> bool:
    cause = error.__cause__ or error.__context__
    return isinstance(cause, ssl.SSLError) or "CERTIFICATE" in str(error).upper()


@asynccontextmanager
async def posting(
    *,
    resolve: Resolver | None = None,
    allow_http: bool = False,
    allow_private: bool = False,
    timeout_ms: int = TIMEOUT_MS,
    trust: ssl.SSLContext | None = None,
) -> AsyncIterator[Posting]:
    """Something to send with, as long as the block runs. Names are looked up as this machine does it, unless there is
    something else to `resolve` them. `trust` is whom to believe certificates of; whoever this machine believes, if
    none."""
    with looking_up(NAMES_AT_ONCE_MAX) as names:
        pool = httpcore.AsyncConnectionPool(
            ssl_context=trust or ssl.create_default_context(),
            max_connections=AT_ONCE_MAX,
            max_keepalive_connections=AT_ONCE_MAX // 2,
            keepalive_expiry=IDLE_CONNECTION_MS / 1000,
            network_backend=CheckedNetwork(resolve or names, allow_private=allow_private),
        )
        async with pool:
            yield Posting(pool, allow_http=allow_http, timeout_ms=timeout_ms)
