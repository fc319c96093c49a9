"""Fetching the public keys of token issuers: one request, from an address that was looked at.

Whoever names an issuer has us ask there, so the same holds as for webhooks: the host's name is looked up by us, every
address of it has to be one of the internet, and the connection goes to one that was looked at. An issuer on this very
machine is named by http (`actors.access.checks` sees to that); then every address has to be a loopback one.

Nothing but a whole, short answer of status 200 is taken. No redirect is followed: where the keys are is what the
organisation said, or the issuer in its own document (`discovery`), and nobody there may send us on.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import httpcore

from events.errors import TidegateError
from gateway.abroad.addresses import BadAddress, Resolver, kind_of_address
from gateway.abroad.names import looking_up
from gateway.abroad.network import CheckedNetwork
from gateway.limits import KEY_SET_BYTES_MAX, KEY_SET_WITHIN_MS

Fetch: TypeAlias = Callable[[str], Awaitable[bytes]]
"""What stands at an address; `NotFetched` when there is nothing to be had."""

AT_ONCE_MAX: Final = 16
NAMES_AT_ONCE_MAX: Final = 8
IDLE_CONNECTION_S: Final = 15.0
_HEADERS: Final = (("Accept", "application/jwk-set+json, application/json"), ("Accept-Encoding", "identity"))


class NotFetched(TidegateError):
    """`why` says in a word what went wrong."""

    code = "not_fetched"
    next_step = "see that the issuer answers with its public keys at its jwks_url, or where its discovery document says"

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why: Final = why


class _Fetching:
    def __init__(self, abroad: httpcore.AsyncConnectionPool, at_home: httpcore.AsyncConnectionPool) -> None:
        self._abroad: Final = abroad
        self._at_home: Final = at_home

    async def fetch(self, url: str) -> bytes:
        try:
            async with asyncio.timeout(KEY_SET_WITHIN_MS / 1000):
                return await self._get(url, self._abroad if urlsplit(url).scheme == "https" else self._at_home)
        except (TimeoutError, httpcore.TimeoutException):
            raise NotFetched("timeout") from None
        except BadAddress as error:
            raise NotFetched(error.code) from None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise NotFetched("not_connected") from error

    @staticmethod
    async def _get(url: str, pool: httpcore.AsyncConnectionPool) -> bytes:
        async with pool.stream("GET", url, headers=list(_HEADERS)) as response:
            if response.status != HTTPStatus.OK:
                raise NotFetched(f"status_{response.status}")
            if any(name.lower() == b"content-encoding" and value != b"identity" for name, value in response.headers):
                raise NotFetched("encoded")
            body = bytearray()
            async for chunk in response.aiter_stream():
                body += chunk
                if len(body) > KEY_SET_BYTES_MAX:
                    raise NotFetched("too_large")
            return bytes(body)


@asynccontextmanager
async def fetching(
    *, resolve: Resolver | None = None, allow_private: bool = False, trust: ssl.SSLContext | None = None
) -> AsyncIterator[Fetch]:
    """Something to fetch with, as long as the block runs. Names are looked up as this machine does it, unless there is
    something else to `resolve` them. `trust` is whom to believe certificates of; whoever this
    machine believes, if none."""

    context = trust or ssl.create_default_context()
    with looking_up(NAMES_AT_ONCE_MAX) as names:
        look_up = resolve or names

        async def loopback(host: str) -> Sequence[str]:
            addresses = await look_up(host)
            wrong = next((kind for kind in map(kind_of_address, addresses) if kind != "loopback"), None)
            if wrong is not None:
                raise BadAddress(f"address_{wrong}")
            return addresses

        async with (
            _pool(context, CheckedNetwork(look_up, allow_private=allow_private)) as abroad,
            _pool(context, CheckedNetwork(loopback, allow_private=True)) as at_home,
        ):
            yield _Fetching(abroad, at_home).fetch


def _pool(context: ssl.SSLContext, network: CheckedNetwork) -> httpcore.AsyncConnectionPool:
    return httpcore.AsyncConnectionPool(
        ssl_context=context,
        max_connections=AT_ONCE_MAX,
        keepalive_expiry=IDLE_CONNECTION_S,
        network_backend=network,
    )
