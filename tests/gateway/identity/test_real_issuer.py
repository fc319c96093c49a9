"""With a server that plays the issuer, and real connections to it: who signs in there comes in here."""

from __future__ import annotations

import pytest

from events.permissions import permitted
from gateway.identity import key_sets
from gateway.identity.fetching import fetching
from tests.gateway.identity.issuer import URL, Issuing
from tests.support.gateway import TOMORROW, Gate, open_gateway, refused, told


async def trust(gate: Gate, jwks_url: str, url: str = URL) -> None:
    wanted = {
        "url": url, "audience": "tidegate", "jwks_url": jwks_url, "roles": {"desk": "operator"},
        "algorithms": ["RS256", "ES256", "EdDSA", "PS256"],
    }  # fmt: skip
    answer = await gate.put("/v1/demo/issuers/staff", wanted, as_=gate.owner)
    assert answer.status_code == 200, told(answer)


async def test_people_come_in_by_their_own_issuer() -> None:
    """Each algorithm, each key fetched from where the organisation said; one fetch for all of them."""
    issuer = Issuing()
    async with issuer.serving() as url, fetching() as fetch, open_gateway(demo=False, fetch=fetch) as gate:
        await trust(gate, url)
        for algorithm in ("RS256", "PS256", "ES256", "EdDSA"):
            answer = await gate.get("/v1/demo/bookings", as_=issuer.token(algorithm))
            assert answer.status_code == 200, told(answer)
        assert issuer.fetched == 1
        assert (await gate.register.caller("demo", issuer.token())).permits == permitted("operator")


async def test_an_issuer_says_itself_where_its_keys_are() -> None:
    """Whoever puts it says who it is, and no more."""
    issuer = Issuing()
    async with issuer.serving() as jwks_url, fetching() as fetch, open_gateway(demo=False, fetch=fetch) as gate:
        home = jwks_url.removesuffix("/jwks")
        await trust(gate, "", home)
        for _ in range(2):
            answer = await gate.get("/v1/demo/bookings", as_=issuer.token(iss=home))
            assert answer.status_code == 200, told(answer)
        assert issuer.fetched == 2, "the document and the keys"
        assert refused(await gate.get("/v1/demo/bookings", as_=issuer.token())) == (401, "bad_token")


async def test_a_key_that_the_issuer_rotated_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, if the last fetch was not just now; what it withdraws is refused when its keys are fetched again."""
    monkeypatch.setattr(key_sets, "KEY_SET_AGAIN_S", 0.0)
    issuer, rotated = Issuing(), Issuing(1)
    async with issuer.serving() as url, fetching() as fetch, open_gateway(demo=False, fetch=fetch) as gate:
        await trust(gate, url)
        old, new = issuer.token(), rotated.token()
        assert (await gate.get("/v1/demo/bookings", as_=old)).status_code == 200
        assert refused(await gate.get("/v1/demo/bookings", as_=new)) == (401, "bad_token")
        issuer.published = [*issuer.published, *rotated.published]
        for token in (old, new):
            assert (await gate.get("/v1/demo/bookings", as_=token)).status_code == 200
        issuer.published = rotated.published
        monkeypatch.setattr(key_sets, "KEY_SET_FRESH_S", 0.0)
        assert refused(await gate.get("/v1/demo/bookings", as_=old)) == (401, "bad_token")
        assert (await gate.get("/v1/demo/bookings", as_=new)).status_code == 200


async def test_an_issuer_that_is_gone_has_its_keys_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is signed in stays in; at a gateway that never had its keys, nobody can tell."""
    issuer = Issuing()
    async with fetching() as fetch, open_gateway(demo=False, fetch=fetch) as gate:
        async with issuer.serving() as url:
            await trust(gate, url)
            assert (await gate.get("/v1/demo/bookings", as_=issuer.token())).status_code == 200
        monkeypatch.setattr(key_sets, "KEY_SET_FRESH_S", 0.0)
        monkeypatch.setattr(key_sets, "KEY_SET_AGAIN_S", 0.0)
        for _ in range(3):
            assert (await gate.get("/v1/demo/bookings", as_=issuer.token())).status_code == 200
        other = await gate.beside(fetch=fetch)
        assert refused(await other.get("/v1/demo/bookings", as_=issuer.token())) == (503, "issuer_unreachable")


async def test_an_issuer_behind_our_walls_is_not_asked() -> None:
    """A record may name any address; what stands at ours is nobody's business."""
    async with fetching() as fetch, open_gateway(demo=False, fetch=fetch) as gate:
        for url in ("https://127.0.0.1/jwks", "https://10.0.0.1/jwks", "https://169.254.169.254/jwks"):
            await trust(gate, url)
            answer = await gate.get("/v1/demo/bookings", as_=Issuing().token())
            assert refused(answer) == (503, "issuer_unreachable")


async def test_a_token_of_a_visitors_role_is_no_session() -> None:
    """What is a visitor's takes their session beside it; in its own header, and not as a cookie."""
    issuer = Issuing()
    async with issuer.serving() as url, fetching() as fetch, open_gateway(fetch=fetch) as gate:
        wanted = {"url": URL, "audience": "tidegate", "jwks_url": url, "roles": {"desk": "session"}}
        assert (await gate.put("/v1/demo/issuers/members", wanted, as_=gate.owner)).status_code == 200
        token, session = issuer.token(), await gate.session()
        for path, body in (("holds", gate.wish()), ("rooms/launch/tickets", {})):
            assert refused(await gate.post(f"/v1/demo/{path}", body, as_=token)) == (401, "unauthenticated")
            cookie = {"Cookie": f"tidegate_session={session}"}
            assert refused(await gate.post(f"/v1/demo/{path}", body, as_=token, headers=cookie))[0] == 401
            answer = await gate.post(f"/v1/demo/{path}", body, as_=token, session=session)
            assert answer.status_code == 201, told(answer)
        later = gate.wish(f"{TOMORROW}T15:00") | {"booker": {"name": "Ann Lee"}}
        booked = await gate.post("/v1/demo/bookings", later, as_=token)
        assert booked.status_code == 201, told(booked)
