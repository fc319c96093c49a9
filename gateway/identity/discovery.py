"""Where an issuer's keys are: where the organisation said, or else where the issuer itself says.

An issuer says so in a document beside it, `<issuer>/.well-known/openid-configuration` (OpenID Connect Discovery 1.0).
It is believed because it stands at the address that the organisation named, and when it names that issuer, character by
character. The address of keys that it gives keeps the rules of one that an organisation gives, and one more: an issuer
on the internet does not send us to this machine.

The document is fetched with the keys, each time: so it is as fresh as they are, and both come within the time that the
keys alone would have.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

import msgspec

from actors.access.checks import check_jwks_url
from actors.access.limits import AccessPolicy
from events.access import Issuer
from gateway.identity.fetching import Fetch, NotFetched
from gateway.limits import KEY_SET_WITHIN_MS

DOCUMENT: Final = "/.well-known/openid-configuration"
_POLICY: Final = AccessPolicy()
"""How long an address may be. A deployment that sets it otherwise does so for organisations, not for issuers."""


class KeySource(NamedTuple):
    """Where keys are asked for. Of a document that says where they are, whose it has to be."""

    address: str
    discovered: str = ""

    @classmethod
    def of(cls, issuer: Issuer) -> KeySource:
        if issuer.jwks_url:
            return cls(issuer.jwks_url)
        return cls(issuer.url.removesuffix("/") + DOCUMENT, issuer.url)


class _Document(msgspec.Struct, frozen=True):
    """What is looked at of it."""

    issuer: str
    jwks_uri: str


async def fetch_keys(source: KeySource, fetch: Fetch) -> bytes:
    """A key set, as it was said; `NotFetched` when there is none to be had."""
    if not source.discovered:
        return await fetch(source.address)
    try:
        async with asyncio.timeout(KEY_SET_WITHIN_MS / 1000):
            return await fetch(_address_in(await fetch(source.address), source.discovered))
    except TimeoutError:
        raise NotFetched("timeout") from None


def _address_in(data: bytes, issuer: str) -> str:
    try:
        document = msgspec.json.decode(data, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotFetched("not_a_discovery_document") from error
    if document.issuer != issuer:
        raise NotFetched("document_of_another_issuer")
    abroad = issuer.startswith("https:")
    if check_jwks_url(document.jwks_uri, _POLICY) or (abroad and not document.jwks_uri.startswith("https:")):
        raise NotFetched("bad_jwks_uri")
    return document.jwks_uri
