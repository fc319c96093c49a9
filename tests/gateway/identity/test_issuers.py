"""A token is good when a trusted issuer signed it, for us, for now, by an algorithm that we named; and not else."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import events.access
from events.access import Algorithm
from events.clock import Instant
from gateway.identity.issuers import Issuers, Person
from gateway.limits import CLOCK_SKEW_S, TOKEN_CHARACTERS_MAX
from gateway.problems import Problem
from projections.questions import AccessAnswer
from tests.gateway.identity.issuer import (
    ALGORITHMS,
    DROP,
    URL,
    Issuing,
    access,
    base64url,
    jwk_of,
    private_key,
    record,
    spelled,
)
from tests.support.gateway import NOON, in_virtual_time

__all__ = ["in_virtual_time"]

SECOND = NOON // 1_000
ISSUER = Issuing()
HEADER = {"alg": "RS256", "kid": "RS256-0"}
CLAIMS = {"iss": URL, "aud": "tidegate", "sub": "ann", "exp": SECOND + 3_600}


async def person(
    token: str, known: AccessAnswer | None = None, *, issuer: Issuing = ISSUER, at: Instant = NOON
) -> Person:
    return await Issuers(lambda: at, issuer.fetch).person(token, access() if known is None else known)


async def code(token: str, known: AccessAnswer | None = None, *, issuer: Issuing = ISSUER, at: Instant = NOON) -> str:
    """That of the problem; `good` when there is none."""
    try:
        await person(token, known, issuer=issuer, at=at)
    except Problem as problem:
        assert token not in str(problem), "a token opens"  # noqa: PT017
        return problem.code
    return "good"


class TestGood:
    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    async def test_each_algorithm_is_checked(self, algorithm: Algorithm) -> None:
        """By the key that the token names."""
        assert await person(ISSUER.token(algorithm)) == Person("staff", "ann", "operator")

    async def test_an_audience_may_be_one_of_several(self) -> None:
        """A token may be meant for others as well."""
        assert await code(ISSUER.token(aud=["other", "tidegate"])) == "good"

    @pytest.mark.parametrize("kind", ["JWT", "at+jwt", "application/at+jwt", DROP])
    async def test_a_token_may_say_of_what_kind_it_is(self, kind: Any) -> None:
        """Those that let somebody in have these names, or none."""
        assert await code(ISSUER.token(header={"typ": kind})) == "good"

    async def test_a_single_key_needs_no_name(self) -> None:
        """Where there is one for the algorithm, it is that."""
        assert await code(ISSUER.token("ES256", header={"kid": DROP})) == "good"
        two = Issuing()
        two.published.append(jwk_of(private_key("ES256", 1), "another"))
        assert await code(two.token("ES256", header={"kid": DROP}), issuer=two) == "bad_token"

    async def test_the_strongest_role_is_theirs(self) -> None:
        """Or the default, of those who have none; or they don't come in."""
        assert (await person(ISSUER.token(roles=["desk", "admin", "other"]))).role == "owner"
        assert (await person(ISSUER.token(roles="desk"))).role == "operator"
        assert (await person(ISSUER.token(roles=DROP), access(record(default_role="viewer")))).role == "viewer"
        for roles in (DROP, [], ["other"], {"desk": True}, [["desk"]], 7, None):
            assert await code(ISSUER.token(roles=roles)) == "not_permitted"

    async def test_of_two_records_the_audience_finds_the_one(self) -> None:
        """One issuer may serve several of our organisation's doors."""
        both = access(record(id="a", audience="other", roles={"desk": "viewer"}), record(id="b"))
        assert (await person(ISSUER.token(), both)).issuer == "b"
        assert (await person(ISSUER.token(aud="other"), both)) == Person("a", "ann", "viewer")


class TestForged:
    @pytest.mark.parametrize("alg", ["none", "None", "NONE", ""])
    @pytest.mark.parametrize("signature", [b"\0", b"\0" * 256])
    async def test_no_algorithm_is_none(self, alg: str, signature: bytes) -> None:
        """However it is written, and whatever stands in the signature's place."""
        assert await code(spelled(HEADER | {"alg": alg}, CLAIMS, signature)) == "bad_token"
        assert await code(spelled(HEADER | {"alg": alg}, CLAIMS).rpartition(".")[0] + ".") == "bad_token"

    @pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
    async def test_a_public_key_is_nobodys_secret(self, alg: str) -> None:
        """A MAC whose secret is the issuer's public key, in each of its spellings, is refused, whatever the record
        says."""
        private = private_key("RS256")
        assert isinstance(private, rsa.RSAPrivateKey)
        public = private.public_key()
        for encoding, form in (
            (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            (Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            (Encoding.PEM, PublicFormat.PKCS1),
        ):
            secret = public.public_bytes(encoding, form)
            to_sign = spelled(HEADER | {"alg": alg}, CLAIMS).rpartition(".")[0]
            token = f"{to_sign}.{base64url(hmac.digest(secret, to_sign.encode(), sha256))}"
            assert await code(token) == "bad_token"
            assert await code(token, access(record(algorithms=("HS256", "RS256")))) == "bad_token"

    async def test_only_the_records_algorithms_are_tried(self) -> None:
        """What a token says of its own algorithm is only compared."""
        only = access(record(algorithms=("ES256",)))
        assert await code(ISSUER.token("ES256"), only) == "good"
        for algorithm in ("RS256", "PS256", "EdDSA"):
            assert await code(ISSUER.token(algorithm), only) == "bad_token"

    async def test_another_key_has_not_signed_it(self) -> None:
        """Neither by the name of a good one, nor by its own."""
        other = Issuing(1)
        assert await code(other.token(header={"kid": "RS256-0"})) == "bad_token"
        assert await code(other.token()) == "bad_token"
        assert await code(other.token("ES256", header={"kid": "ES256-0"})) == "bad_token"

    async def test_a_changed_token_is_not_signed(self) -> None:
        """A letter of any part."""
        token = ISSUER.token("EdDSA")
        for place in range(0, len(token), 7):
            if token[place] != ".":
                changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
                assert await code(changed) == "bad_token", place

    async def test_keys_in_a_token_are_not_looked_at(self) -> None:
        """A token that brings its own key, or says where it is, is checked by ours."""
        other = Issuing(1)
        brought = {"jwk": other.published[0], "jku": "https://evil.example.com/jwks", "x5u": "https://evil.example.com"}
        assert await code(other.token(header=brought | {"kid": "RS256-0"})) == "bad_token"
        assert await code(ISSUER.token(header=brought)) == "good"

    async def test_what_must_be_understood_is_not(self) -> None:
        """A header that names what must not be passed over is refused."""
        token = ISSUER.token()
        header = base64url(b'{"alg":"RS256","kid":"RS256-0","crit":["exp"],"exp":1}')
        assert await code(f"{header}.{token.partition('.')[2]}") == "bad_token"
        assert await code(spelled(HEADER | {"crit": None}, CLAIMS)) == "bad_token"

    async def test_tokens_for_something_else_let_nobody_in(self) -> None:
        """Such as those that end a session: they say who and for whom, too."""
        assert await code(ISSUER.token(header={"typ": "logout+jwt"})) == "bad_token"
        assert await code(ISSUER.token(header={"typ": "dpop+jwt"})) == "bad_token"

    @pytest.mark.parametrize(
        "token",
        [
            "..",
            "a.b.c",
            "e30.e30.AA",
            "e30.e30.AA==",
            spelled(b"[" * 3_000, CLAIMS),
            spelled(HEADER, b'{"iss":"' + URL.encode() + b'","aud":"tidegate","x":' + b"[" * 3_000),
            spelled(b"\xff\xfe", CLAIMS),
            spelled(HEADER, b"\xff"),
            spelled(HEADER | {"kid": 7}, CLAIMS),
            spelled(HEADER | {"alg": ["RS256"]}, CLAIMS),
            spelled([HEADER], CLAIMS),
            spelled(HEADER, [CLAIMS]),
            spelled(HEADER, CLAIMS | {"iss": [URL]}),
            spelled(HEADER, CLAIMS | {"aud": {"tidegate": 1}}),
            spelled(HEADER, CLAIMS | {"aud": None}),
            spelled(HEADER, CLAIMS) + ".e30",
            spelled(HEADER, CLAIMS) + "\n",
            spelled(HEADER, CLAIMS).replace(".", "\u2024"),
        ],
        ids=range(18),
    )
    async def test_what_is_no_token_is_refused(self, token: str) -> None:
        """Whatever it is, nobody is let in and nothing breaks."""
        assert len(token) < TOKEN_CHARACTERS_MAX
        assert await code(token) == "bad_token"


class TestMeantForUs:
    @pytest.mark.parametrize("audience", ["other", "Tidegate", "tidegate/", "", ["other"], [], DROP, ["tide", "gate"]])
    async def test_a_token_for_somebody_else_is_refused(self, audience: Any) -> None:
        """Though the issuer has signed it."""
        assert await code(ISSUER.token(aud=audience)) == "bad_token"

    @pytest.mark.parametrize("issuer", [URL + "/", URL.upper(), "https://evil.example.com", "", DROP])
    async def test_a_token_of_another_issuer_is_refused(self, issuer: Any) -> None:
        """Character by character, though it is signed with the key of one that is trusted."""
        assert await code(ISSUER.token(iss=issuer)) == "bad_token"

    async def test_an_organisation_that_trusts_nobody_fetches_nothing(self) -> None:
        """Nobody is asked for keys because a token says so."""
        issuer = Issuing()
        nobody = AccessAnswer((), (), 1)
        assert await code(issuer.token(), nobody, issuer=issuer) == "bad_token"
        assert await code(issuer.token(aud="other"), issuer=issuer) == "bad_token"
        assert await code(issuer.token(), access(record(algorithms=("EdDSA",))), issuer=issuer) == "bad_token"
        assert issuer.fetched == 0

    @pytest.mark.parametrize("subject", ["", "x" * 256, DROP, 7, None, ["ann"]])
    async def test_a_token_about_nobody_is_refused(self, subject: Any) -> None:
        """`sub` says who it is, in so many characters."""
        assert await code(ISSUER.token(sub=subject)) == "bad_token"
        assert await code(ISSUER.token(sub="x" * 255)) == "good"


class TestItsTime:
    async def test_it_ends(self) -> None:
        """At `exp`, and as much later as clocks may differ; not a millisecond more."""
        token, ends = ISSUER.token(exp=SECOND), NOON + CLOCK_SKEW_S * 1_000
        assert await code(token, at=ends - 1) == "good"
        assert await code(token, at=ends) == "token_expired"

    @pytest.mark.parametrize("name", ["nbf", "iat"])
    async def test_it_begins(self, name: str) -> None:
        """At `nbf`, and not before it was given out, give or take what clocks may differ."""
        said: dict[str, Any] = {name: SECOND + 600}
        token, begins = ISSUER.token(**said), NOON + 600_000 - CLOCK_SKEW_S * 1_000
        assert await code(token, at=begins) == "good"
        assert await code(token, at=begins - 1) == "bad_token"

    @pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
    @pytest.mark.parametrize("value", ["soon", str(SECOND), True, [SECOND], {}])
    async def test_a_time_is_a_number(self, name: str, value: Any) -> None:
        """Nothing else is taken for one."""
        assert await code(ISSUER.token(**{name: value})) == "bad_token"

    async def test_without_an_end_it_is_refused(self) -> None:
        """It would be good for ever; when it began may be left out."""
        assert await code(ISSUER.token(exp=DROP)) == "bad_token"
        assert await code(ISSUER.token(exp=None)) == "bad_token"
        assert await code(ISSUER.token(iat=DROP)) == "good"

    async def test_times_may_have_fractions_and_be_far_away(self) -> None:
        """A NumericDate is any number of seconds."""
        assert await code(ISSUER.token(exp=SECOND + 0.5)) == "good"
        assert await code(ISSUER.token(exp=10**30)) == "good"
        assert await code(ISSUER.token(nbf=-(10**30))) == "good"
        assert await code(ISSUER.token(exp=-(10**30))) == "token_expired"


def test_no_algorithm_has_a_shared_secret() -> None:
    """All that a record can name are signatures by a private key, and each of them is tried above."""
    assert set(events.access.ALGORITHMS) == set(ALGORITHMS) == {"RS256", "PS256", "ES256", "EdDSA"}
