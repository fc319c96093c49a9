"""The callers whom an organisation has named: their keys and tokens are good there, for as long as it says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.access import PutIssuer, RevokeKey
from events.access import access_actor
from events.identity import api_key, api_key_of
from events.permissions import permitted
from gateway.identity.callers import Caller
from gateway.identity.register import AccessRegister
from gateway.limits import ACCESS_FRESH_S
from gateway.problems import Problem
from tests.gateway.identity.issuer import ALGORITHMS, JWKS, URL, Issuing
from tests.support.gateway import NOON, Gate, in_virtual_time, open_gateway, refused, told

__all__ = ["in_virtual_time"]


async def caller(gate: Gate, bearer: str, org: str = "demo") -> Caller:
    return await gate.register.caller(org, bearer)


async def code(gate: Gate, bearer: str, org: str = "demo") -> str:
    with pytest.raises(Problem) as raised:
        await caller(gate, bearer, org)
    assert bearer not in str(raised.value), "what opens is not repeated"
    return raised.value.code


async def trusted(gate: Gate, org: str = "demo", **about: Any) -> None:
    said = {"roles": {"desk": "operator", "guest": "session"}, "algorithms": ALGORITHMS} | about
    await gate.have(access_actor(org), PutIssuer("staff", URL, "tidegate", JWKS, **said))


class TestKeys:
    async def test_a_key_is_a_caller_of_its_role(self) -> None:
        """The log says which key it was."""
        async with open_gateway(demo=False) as gate:
            key = await gate.key("service", id="server")
            assert await caller(gate, key) == Caller("demo", "service", "key:server", permitted("service"))

    async def test_scopes_narrow_it(self) -> None:
        """To what they name, and what anybody may."""
        async with open_gateway(demo=False) as gate:
            narrow = await gate.key("operator", "bookings.read")
            assert (await caller(gate, narrow)).permits == permitted("anonymous") | {"bookings.read"}
            assert (await gate.get("/v1/demo/bookings", as_=narrow)).status_code == 200
            answer = await gate.post("/v1/demo/rooms/launch/open", as_=narrow)
            assert refused(answer) == (403, "not_permitted")
            assert "scopes" in answer.json()["detail"]

    async def test_a_wrong_secret_opens_nothing(self) -> None:
        """Nor does another key's, nor a key that nobody issued: all are answered alike."""
        async with open_gateway(demo=False) as gate:
            one, two = [api_key_of(await gate.key("viewer", id=id)) for id in ("one", "two")]
            assert one is not None and two is not None
            said = set[str]()
            for wrong in (
                f"tg.demo.one.{two.secret}",
                f"tg.demo.three.{one.secret}",
                f"tg.demo.one.{one.secret[:-1]}{'A' if one.secret[-1] != 'A' else 'B'}",
                api_key("demo", "one", b"0" * 32).text,
            ):
                with pytest.raises(Problem) as raised:
                    await caller(gate, wrong)
                assert raised.value.code == "bad_token" and "WWW-Authenticate" in raised.value.headers
                said.add(str(raised.value))
            assert len(said) == 1

    async def test_a_hash_is_no_secret(self) -> None:
        """Whoever has read the log has nothing to show."""
        async with open_gateway(demo=False) as gate:
            key = api_key_of(await gate.key("viewer", id="one"))
            assert key is not None
            assert await code(gate, f"tg.demo.one.{key.hash[:43]}") == "bad_token"

    async def test_it_expires(self) -> None:
        """When it says; nobody has to be told."""
        async with open_gateway(demo=False) as gate:
            key = await gate.key("viewer", expires_at=gate.clock() + 1_000)
            assert (await caller(gate, key)).standing == "viewer"
            gate.clock.advance(1_001)
            assert await code(gate, key) == "bad_token"

    async def test_a_revoked_key_is_refused_when_that_is_heard(self) -> None:
        """At every gateway; not merely when what they know is old."""
        async with open_gateway(demo=False) as gate:
            other, key = await gate.beside(), await gate.key("viewer", id="one")
            for one in (gate, other):
                assert (await caller(one, key)).standing == "viewer"
            await gate.have(access_actor("demo"), RevokeKey("one"))
            for one in (gate, other):
                assert await code(one, key) == "bad_token"

    async def test_it_is_refused_in_any_case(self) -> None:
        """Within two seconds, where nobody heard of it."""
        async with open_gateway(demo=False) as gate:
            deaf = AccessRegister(gate.house.bus, gate.clock, gate.register._tokens)
            key = await gate.key("viewer", id="one")
            assert (await deaf.caller("demo", key)).standing == "viewer"
            await gate.have(access_actor("demo"), RevokeKey("one"))
            assert (await deaf.caller("demo", key)).standing == "viewer"
            await asyncio.sleep(ACCESS_FRESH_S)
            with pytest.raises(Problem, match="not good any more"):
                await deaf.caller("demo", key)

    async def test_a_key_of_another_organisation_is_foreign(self) -> None:
        """Though an organisation of that name may have one of that id."""
        async with open_gateway(demo=False) as gate:
            for id in ("one", "owner"):
                other = await gate.key("owner", org="other", id=id)
                assert await code(gate, other) == "foreign_organisation"
                assert (await caller(gate, other, "other")).org == "other"

    async def test_a_key_is_looked_up_once_for_many(self) -> None:
        """Requests do not ask the read models each."""
        async with open_gateway(demo=False) as gate:
            asked = [0]
            await gate.house.bus.subscribe("questions.access_of", lambda _: asked.__setitem__(0, asked[0] + 1))
            for _ in range(50):
                await caller(gate, gate.owner)
            assert asked[0] <= 1

    async def test_without_read_models_it_is_busy(self) -> None:
        """Whose key it is cannot be told; that is not the caller's fault, and nobody is let in."""
        async with open_gateway(demo=False) as gate:
            gate.register._kept.forget("demo")
            gate.house.bus._patterns[:] = [one for one in gate.house.bus._patterns if one.queue != "projectors"]
            answer = await gate.get("/v1/demo/bookings", as_=gate.owner)
            assert refused(answer) == (503, "not_answered"), told(answer)


class TestTokens:
    async def test_a_token_makes_a_caller(self) -> None:
        """Of the role that it gives. The log has a name for them that tells nobody who it is, the same each time."""
        issuer = Issuing()
        async with open_gateway(demo=False, fetch=issuer.fetch) as gate:
            await trusted(gate)
            one, other = await caller(gate, issuer.token("ES256")), await caller(gate, issuer.token(sub="bob"))
            assert (one.org, one.standing, one.permits) == ("demo", "operator", permitted("operator"))
            assert one.by.startswith("user:staff.") and "ann" not in one.by and one.by != other.by
            assert one == await caller(gate, issuer.token("EdDSA")) and issuer.fetched == 1

    async def test_an_organisation_trusts_whom_it_says(self) -> None:
        """From when it says so until it does not, and nobody for another one."""
        issuer = Issuing()
        async with open_gateway(demo=False, fetch=issuer.fetch) as gate:
            token = issuer.token()
            assert await code(gate, token) == "bad_token"
            await trusted(gate)
            assert await code(gate, token, "other") == "bad_token"
            assert (await gate.get("/v1/demo/bookings", as_=token)).status_code == 200
            assert refused(await gate.get("/v1/other/bookings", as_=token)) == (401, "bad_token")
            await gate.delete("/v1/demo/issuers/staff", as_=gate.owner)
            assert refused(await gate.get("/v1/demo/bookings", as_=token)) == (401, "bad_token")

    async def test_a_token_without_a_role_lets_nobody_in(self) -> None:
        """They are known, and may nothing here: not even what anybody may without a token."""
        issuer = Issuing()
        async with open_gateway(demo=False, fetch=issuer.fetch) as gate:
            await trusted(gate)
            answer = await gate.get("/v1/demo/resources", as_=issuer.token(roles=["other"]))
            assert refused(answer) == (403, "not_permitted")

    async def test_people_hold_slots_by_a_session_beside(self) -> None:
        """A token says who somebody is; which visitor they act for, the session does."""
        issuer = Issuing()
        async with open_gateway(fetch=issuer.fetch) as gate:
            await trusted(gate)
            token, visitor = issuer.token(roles=["guest"]), await gate.session()
            assert refused(await gate.post("/v1/demo/holds", gate.wish(), as_=token)) == (401, "unauthenticated")
            held = await gate.post("/v1/demo/holds", gate.wish(), as_=token, session=visitor)
            assert held.status_code == 201, told(held)

    async def test_an_issuer_that_is_away_makes_it_busy(self) -> None:
        """Nobody is let in, and it is said when to try again."""
        issuer = Issuing()
        issuer.reachable = False
        async with open_gateway(demo=False, fetch=issuer.fetch) as gate:
            await trusted(gate)
            answer = await gate.get("/v1/demo/bookings", as_=issuer.token())
            assert refused(answer) == (503, "issuer_unreachable") and answer.headers["retry-after"] == "10"

    async def test_expired_tokens_are_told_apart(self) -> None:
        """A client renews those, and signs in for others."""
        issuer = Issuing()
        async with open_gateway(demo=False, fetch=issuer.fetch) as gate:
            await trusted(gate)
            answer = await gate.get("/v1/demo/bookings", as_=issuer.token(exp=NOON // 1_000 - 3_600))
            assert refused(answer) == (401, "token_expired")
            assert answer.headers["www-authenticate"].startswith("Bearer")

    @pytest.mark.parametrize("bearer", ["x", "a.b", "tg.demo.owner", "tg.demo.owner.short", "a.b.c.d", "…..", "ts"])
    async def test_what_is_neither_key_nor_token_is_refused(self, bearer: str) -> None:
        """By what it looks like."""
        async with open_gateway(demo=False) as gate:
            assert await code(gate, bearer) == "bad_token"
