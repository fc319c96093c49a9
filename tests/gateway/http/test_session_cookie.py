"""A session's cookie goes over https alone where visitors come by https, whoever ends it; and it works without."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest

from gateway.limiting.addresses import Addresses
from gateway.limiting.guard import Guard
from gateway.limiting.limits import ForwardedHeader, Proxies
from gateway.limiting.rates import Rates
from tests.support.gateway import in_virtual_time, open_gateway

__all__ = ["in_virtual_time"]

PROXY, STRANGER = "10.0.0.1", "203.0.113.7"


async def cookie(
    peer: str,
    said: Mapping[str, str],
    *,
    trusted: tuple[str, ...] = (PROXY,),
    header: ForwardedHeader = "x-forwarded-for",
) -> str:
    """As a browser is told it, which came from there."""
    async with open_gateway(demo=False) as gate:
        guarded = Guard(gate.app, Rates(), Addresses(Proxies(trusted, header)))
        through = httpx.ASGITransport(guarded, client=(peer, 4711))
        async with httpx.AsyncClient(transport=through, base_url="http://gate") as http:
            answer = await http.post("/v1/demo/sessions", headers=said)
            assert answer.status_code == 201
            return answer.headers["set-cookie"]


def is_secure(cookie: str) -> bool:
    attributes = [part.strip().lower() for part in cookie.split(";")[1:]]
    assert {"httponly", "samesite=lax", "path=/v1/demo"} <= set(attributes)
    return "secure" in attributes


async def test_behind_a_proxy_that_ends_tls() -> None:
    """The proxy's word is taken, in the header that was set."""
    assert is_secure(await cookie(PROXY, {"X-Forwarded-For": STRANGER, "X-Forwarded-Proto": "https"}))
    assert is_secure(await cookie(PROXY, {"Forwarded": f"for={STRANGER};proto=https"}, header="forwarded"))


@pytest.mark.parametrize("said", [{}, {"X-Forwarded-Proto": "http"}, {"X-Forwarded-Proto": "gopher"}])
async def test_behind_a_proxy_without_tls(said: dict[str, str]) -> None:
    """Or one that doesn't say: a browser would throw a secure cookie away."""
    assert not is_secure(await cookie(PROXY, {"X-Forwarded-For": STRANGER} | said))


@pytest.mark.parametrize("peer", [STRANGER, "127.0.0.1"])
async def test_whoever_is_served_directly(peer: str) -> None:
    """By http as they came, on this machine and elsewhere, whatever they write into their request."""
    assert not is_secure(await cookie(peer, {}))
    said = {"X-Forwarded-Proto": "https", "Forwarded": "for=1.1.1.1;proto=https"}
    assert not is_secure(await cookie(peer, said))
    assert not is_secure(await cookie(peer, said, trusted=()))
