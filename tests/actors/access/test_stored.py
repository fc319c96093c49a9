"""The facts of access as they lie in the log: these bytes are written there, and are read for ever."""

from __future__ import annotations

import msgspec
import pytest

from events.access import (
    FACTS,
    AccessFact,
    ApiKeyIssued,
    ApiKeyRevoked,
    ApiKeyRotated,
    Issuer,
    IssuerPut,
    IssuerRemoved,
)
from events.codec import canonical
from events.commit import GENESIS, Decided, encode

GOLDEN: list[tuple[AccessFact, str]] = [
    (
        ApiKeyIssued("desk", "The desk", "service", ("bookings.read", "streams.read"), "0a", 7),
        (
            '{"expires_at":7,"fact":"ApiKeyIssued.1","hash":"0a","id":"desk","name":"The desk","role":"service",'
            '"scopes":["bookings.read","streams.read"]}'
        ),
    ),
    (ApiKeyRotated("desk", "0b", 9), '{"fact":"ApiKeyRotated.1","hash":"0b","id":"desk","until":9}'),
    (ApiKeyRevoked("desk"), '{"fact":"ApiKeyRevoked.1","id":"desk"}'),
    (
        IssuerPut(Issuer("i", "https://a", "b", "https://c", ("x", "y"), {"v": "owner"}, "session", ("ES256",))),
        (
            '{"fact":"IssuerPut.1","issuer":{"algorithms":["ES256"],"audience":"b","default_role":"session","id":"i",'
            '"jwks_url":"https://c","roles":{"v":"owner"},"roles_claim":["x","y"],"url":"https://a"}}'
        ),
    ),
    (
        IssuerPut(Issuer("i", "https://a", "b", default_role="session")),
        (
            '{"fact":"IssuerPut.1","issuer":{"algorithms":["RS256"],"audience":"b","default_role":"session","id":"i",'
            '"jwks_url":"","roles":{},"roles_claim":["roles"],"url":"https://a"}}'
        ),
    ),
    (IssuerRemoved("i"), '{"fact":"IssuerRemoved.1","id":"i"}'),
]


def read(body: bytes) -> AccessFact:
    commit = encode("demo.access", 7, GENESIS, [Decided("c", "ann", 6, (msgspec.Raw(body),), msgspec.Raw(b"null"))])
    return FACTS.read(commit).decided[0].facts[0]


@pytest.mark.parametrize(("fact", "body"), GOLDEN, ids=lambda value: type(value).__name__)
def test_a_fact_is_written_and_read_as_ever(fact: AccessFact, body: str) -> None:
    """Byte for byte: whoever changes this changes what was written before."""
    assert canonical(fact).decode() == body
    assert read(body.encode()) == fact


def test_each_kind_of_fact_has_its_golden_bytes() -> None:
    """One that joins the set joins this list."""
    assert list(dict.fromkeys(type(fact) for fact, _ in GOLDEN)) == list(FACTS.current)


def test_a_scope_that_has_no_meaning_any_more_is_still_read() -> None:
    """A permission may go; what was issued with it stays in the log."""
    body = canonical(ApiKeyIssued("desk", "desk", "viewer", ("cabinet.polish",), "0a", None))
    assert isinstance(read(body), ApiKeyIssued)
