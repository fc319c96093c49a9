"""Where its keys are, an issuer may say itself: believed when it speaks of itself, and leads where it may."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import pytest

from gateway.identity import key_sets
from gateway.identity.discovery import KeySource, fetch_keys
from gateway.identity.fetching import Fetch, NotFetched
from gateway.identity.issuers import Issuers
from gateway.identity.key_sets import KeySets
from gateway.limits import KEY_SET_AGAIN_S, KEY_SET_WITHIN_MS
from gateway.problems import Problem
from tests.gateway.identity.issuer import JWKS, URL, Issuing, access, record
from tests.support.gateway import NOON, in_virtual_time

__all__ = ["in_virtual_time"]

DOCUMENT: Final = f"{URL}/.well-known/openid-configuration"
SAID: Final = {"issuer": URL, "jwks_uri": JWKS, "authorization_endpoint": f"{URL}/auth", "scopes_supported": ["openid"]}
SELF: Final = KeySource(DOCUMENT, URL)


class Web:
    """What stands where; nothing elsewhere."""

    def __init__(self, **changed: Any) -> None:
        self.issuer: Final = Issuing()
        self.said: Any = SAID | changed
        self.asked: Final[list[str]] = []
        self.takes_s = 0.0

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        await asyncio.sleep(self.takes_s)
        if url == DOCUMENT:
            return self.said if isinstance(self.said, bytes) else json.dumps(self.said).encode()
        if url == JWKS:
            return await self.issuer.fetch(url)
        raise NotFetched("not_connected")


async def why_not(fetch: Fetch, source: KeySource = SELF) -> str:
    with pytest.raises(NotFetched) as error:
        await fetch_keys(source, fetch)
    return error.value.why


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://a.example", "https://a.example/.well-known/openid-configuration"),
        ("https://a.example/", "https://a.example/.well-known/openid-configuration"),
        ("https://a.example/realms/x", "https://a.example/realms/x/.well-known/openid-configuration"),
        ("https://a.example/realms/x/", "https://a.example/realms/x/.well-known/openid-configuration"),
    ],
)
def test_the_document_stands_below_the_issuer(url: str, address: str) -> None:
    """And it has to name the issuer to the letter, whether that ends in a slash or not."""
    assert KeySource.of(record(url=url, jwks_url="")) == (address, url)


async def test_where_the_organisation_says_it_nobody_else_is_asked() -> None:
    """A record with an address is not discovered."""
    assert KeySource.of(record()) == (JWKS, "")
    web = Web()
    await fetch_keys(KeySource(JWKS), web.fetch)
    assert web.asked == [JWKS]


async def test_people_come_in_by_what_the_issuer_says() -> None:
    """Its document is asked, then the address that it gives; both once while the keys are fresh."""
    web = Web()
    issuers = Issuers(lambda: NOON, web.fetch)
    known = access(record(jwks_url=""))
    for algorithm in ("RS256", "ES256"):
        found = await issuers.person(web.issuer.token(algorithm), known)
        assert found.role == "operator"
    assert web.asked == [DOCUMENT, JWKS]


async def test_the_document_is_as_fresh_as_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked again with them, and followed to where they have gone; a flood of forged names asks once."""
    monkeypatch.setattr(key_sets, "KEY_SET_FRESH_S", 20.0)
    web = Web()
    sets = KeySets(web.fetch)
    assert await sets.find(SELF, "RS256-0", "RS256")
    await asyncio.sleep(KEY_SET_AGAIN_S)
    forged = await asyncio.gather(*(sets.find(SELF, f"forged-{number}", "RS256") for number in range(50)))
    assert not any(forged) and web.asked == [DOCUMENT, JWKS] * 2
    web.said = SAID | {"jwks_uri": f"{URL}/moved"}
    await asyncio.sleep(20)
    assert await sets.find(SELF, "RS256-0", "RS256"), "the last keys are good while there are none"
    assert web.asked[-2:] == [DOCUMENT, f"{URL}/moved"]


async def test_one_organisations_address_is_not_anothers_document() -> None:
    """Whoever gives the document's address for that of keys spoils nothing for those who have it discovered."""
    web = Web()
    sets = KeySets(web.fetch)
    with pytest.raises(Problem, match="cannot be reached"):
        await sets.find(KeySource(DOCUMENT), "RS256-0", "RS256")
    assert await sets.find(SELF, "RS256-0", "RS256")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[" * 100_000,
        b"[]",
        {},
        {"issuer": URL},
        {"jwks_uri": JWKS},
        SAID | {"issuer": None},
        SAID | {"jwks_uri": 7},
    ],
    ids=range(10),
)
async def test_what_is_no_document_leads_nowhere(said: Any) -> None:
    """It is as if the issuer were away."""
    web = Web()
    web.said = said
    assert await why_not(web.fetch) == "not_a_discovery_document"
    assert web.asked == [DOCUMENT]


@pytest.mark.parametrize("issuer", [f"{URL}/", URL.upper(), "https://evil.example", f"{URL}/realms/other", ""])
async def test_a_document_speaks_of_its_own_issuer(issuer: str) -> None:
    """Compared to the letter, as in tokens."""
    web = Web(issuer=issuer)
    assert await why_not(web.fetch) == "document_of_another_issuer"
    assert web.asked == [DOCUMENT]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/jwks",
        "//login.example.com/jwks",
        "http://login.example.com/jwks",
        "http://localhost/jwks",
        "http://127.0.0.1:8222/jwks",
        "https://user@login.example.com/jwks",
        "https://login.example.com/jwks#x",
        "https://login.example.com\\@evil.example",
        "https://2130706433/jwks",
        "file:///etc/passwd",
        "https://login.example.com/" + "x" * 2_000,
    ],
)
async def test_it_leads_only_where_an_organisation_might(address: str) -> None:
    """And from the internet never to this machine, which an organisation may name."""
    web = Web(jwks_uri=address)
    assert await why_not(web.fetch) == "bad_jwks_uri"
    assert web.asked == [DOCUMENT]


async def test_an_issuer_on_this_machine_leads_where_it_likes() -> None:
    """To itself, or to the internet."""
    home = "http://localhost:8080"
    for address in (f"{home}/jwks", "https://keys.example.com/jwks?p=a"):
        asked: list[str] = []

        async def fetch(url: str, asked: list[str] = asked, address: str = address) -> bytes:
            asked.append(url)
            return json.dumps({"issuer": home, "jwks_uri": address}).encode()

        await fetch_keys(KeySource.of(record(url=home, jwks_url="")), fetch)
        assert asked == [f"{home}/.well-known/openid-configuration", address]


async def test_both_come_within_the_time_of_one() -> None:
    """Whoever waits for keys waits no longer because they were discovered."""
    web, loop = Web(), asyncio.get_running_loop()
    web.takes_s = 0.6 * KEY_SET_WITHIN_MS / 1000
    began = loop.time()
    assert await why_not(web.fetch) == "timeout"
    assert loop.time() - began == pytest.approx(KEY_SET_WITHIN_MS / 1000)
    web.takes_s = 0.4 * KEY_SET_WITHIN_MS / 1000
    assert await fetch_keys(SELF, web.fetch)
