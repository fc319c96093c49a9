"""Keys and issuers over HTTP: what is told once is told once, and nobody gives away more than they have."""

from __future__ import annotations

from typing import Any

import pytest

from events.access import access_actor
from events.clock import iso
from events.identity import api_key_of
from tests.support.gateway import NOON, Gate, in_virtual_time, open_gateway, refused, told

__all__ = ["in_virtual_time"]

ISSUER = {
    "url": "https://login.example.com",
    "audience": "tidegate",
    "jwks_url": "https://login.example.com/jwks",
    "roles_claim": ["realm_access", "roles"],
    "roles": {"desk": "operator", "admin": "owner"},
    "default_role": "viewer",
    "algorithms": ["ES256", "EdDSA"],
}


async def issued(gate: Gate, **wanted: Any) -> dict[str, Any]:
    answer = await gate.post("/v1/demo/keys", {"role": "viewer"} | wanted, as_=gate.owner)
    assert answer.status_code == 201, told(answer)
    found: dict[str, Any] = answer.json()
    return found


async def works(gate: Gate, key: str) -> bool:
    """Whether the key may do what a viewer may."""
    answer = await gate.get("/v1/demo/bookings", as_=key)
    assert answer.status_code in {200, 401}, told(answer)
    return answer.status_code == 200


class TestIssuing:
    async def test_a_key_is_told_once_and_good_at_once(self) -> None:
        """Whoever was answered can show it, at every gateway; no list has anything that opens."""
        async with open_gateway(demo=False) as gate:
            other = await gate.beside()
            answer = await gate.post("/v1/demo/keys", {"role": "viewer", "name": "Board"}, as_=gate.owner)
            key = answer.json()["key"]
            assert answer.headers["cache-control"] == "no-store"
            assert await works(gate, key) and await works(other, key)
            listed = await gate.get("/v1/demo/keys", as_=gate.owner)
            parts = api_key_of(key)
            assert parts is not None and parts.secret not in listed.text and parts.hash not in listed.text
            assert answer.json() == next(one for one in listed.json()["keys"] if one["id"] == parts.id) | {"key": key}

    async def test_the_same_again_tells_the_same_key(self) -> None:
        """Under one Idempotency-Key there is one key, whichever gateway is asked; under another one, another."""
        async with open_gateway(demo=False) as gate:
            other, wanted = await gate.beside(), {"role": "viewer"}
            first = await gate.post("/v1/demo/keys", wanted, as_=gate.owner, key="k-1")
            again = await other.post("/v1/demo/keys", wanted, as_=gate.owner, key="k-1")
            assert first.status_code == 201 and first.json() == again.json()
            third = await gate.post("/v1/demo/keys", wanted, as_=gate.owner, key="k-2")
            assert third.json()["id"] != first.json()["id"] and third.json()["key"] != first.json()["key"]
            another = await other.post("/v1/demo/keys", {"role": "service"}, as_=gate.owner, key="k-1")
            assert refused(another) == (422, "idempotency_key_reused")
            assert len((await gate.get("/v1/demo/keys", as_=gate.owner)).json()["keys"]) == 3

    async def test_without_an_idempotency_key_each_is_another(self) -> None:
        """Nothing of a key can be told from the one before."""
        async with open_gateway(demo=False) as gate:
            one, two = await issued(gate), await issued(gate)
            assert one["id"] != two["id"] and one["key"].rpartition(".")[2] != two["key"].rpartition(".")[2]

    async def test_no_secret_is_in_the_log(self) -> None:
        """What is written is a hash."""
        async with open_gateway(demo=False) as gate:
            key = await issued(gate)
            rotated = await gate.post(f"/v1/demo/keys/{key['id']}/rotate", as_=gate.owner)
            secrets = [one["key"].rpartition(".")[2].encode() for one in (key, rotated.json())]
            recorded = await gate.house.recorded(access_actor("demo"))
            assert not any(secret in one.body for secret in secrets for one in recorded)

    @pytest.mark.parametrize(
        ("wanted", "code"),
        [
            ({"role": "session"}, "malformed"),
            ({"role": "viewer", "scopes": ["everything"]}, "malformed"),
            ({"role": "viewer", "scopes": ["keys.manage"]}, "scope_not_permitted"),
            ({"role": "viewer", "id": "Ann"}, "malformed"),
            ({"role": "viewer", "id": "owner"}, "key_exists"),
            ({"role": "viewer", "expires_at": iso(NOON - 1)}, "bad_expiry"),
            ({"role": "viewer", "expires_at": "tomorrow"}, "bad_time"),
            ({"role": "viewer", "secret": "mine"}, "malformed"),
            ({}, "malformed"),
        ],
    )
    async def test_what_cannot_be_issued_is_refused(self, wanted: dict[str, Any], code: str) -> None:
        """By the rule that stands against it."""
        async with open_gateway(demo=False) as gate:
            answer = await gate.post("/v1/demo/keys", wanted, as_=gate.owner)
            assert refused(answer)[1] == code, told(answer)

    async def test_pages_have_all_keys_once(self) -> None:
        """Each page goes on behind the one before; the last one says that it is."""
        async with open_gateway(demo=False) as gate:
            ids = sorted(["owner", *[(await issued(gate))["id"] for _ in range(4)]])
            await gate.delete(f"/v1/demo/keys/{ids[1]}", as_=gate.owner)
            seen: list[str] = []
            cursor, pages = "", 0
            while pages == 0 or cursor:
                page = await gate.get("/v1/demo/keys", as_=gate.owner, ended="true", limit=2, cursor=cursor)
                seen += sorted(one["id"] for one in [*page.json()["keys"], *page.json()["ended"]])
                cursor, pages = page.json()["cursor"], pages + 1
            assert seen == ids and pages == 3
            living = (await gate.get("/v1/demo/keys", as_=gate.owner)).json()
            assert [one["id"] for one in living["keys"]] == [ids[0], *ids[2:]] and living["ended"] == []


class TestRotating:
    async def test_the_old_secret_is_good_for_the_overlap(self) -> None:
        """The new one at once, the one before until its end; any before that no more."""
        async with open_gateway(demo=False) as gate:
            first = await issued(gate)
            path = f"/v1/demo/keys/{first['id']}/rotate"
            second = (await gate.post(path, {"overlap_s": 60}, as_=gate.owner)).json()
            assert second["key"] != first["key"] and second["id"] == first["id"]
            assert await works(gate, first["key"]) and await works(gate, second["key"])
            third = (await gate.post(path, {"overlap_s": 60}, as_=gate.owner)).json()
            found = [await works(gate, one["key"]) for one in (first, second, third)]
            assert found == [False, True, True]
            gate.clock.advance(61_000)
            assert [await works(gate, one["key"]) for one in (second, third)] == [False, True]

    async def test_without_a_body_the_overlap_is_a_day(self) -> None:
        """A rotation asks for nothing but the key's id."""
        async with open_gateway(demo=False) as gate:
            first = await issued(gate)
            answer = await gate.post(f"/v1/demo/keys/{first['id']}/rotate", as_=gate.owner)
            assert answer.status_code == 200, told(answer)
            gate.clock.advance(86_390_000)
            assert await works(gate, first["key"])
            gate.clock.advance(20_000)
            assert not await works(gate, first["key"])

    async def test_the_same_again_tells_the_same_secret(self) -> None:
        """Under one Idempotency-Key a key is rotated once."""
        async with open_gateway(demo=False) as gate:
            path = f"/v1/demo/keys/{(await issued(gate))['id']}/rotate"
            first = await gate.post(path, as_=gate.owner, key="r-1")
            again = await gate.post(path, as_=gate.owner, key="r-1")
            assert first.json() == again.json() and await works(gate, first.json()["key"])

    @pytest.mark.parametrize("id", ["nobody", "NOT-ONE", "a.b"])
    async def test_what_is_not_there_cannot_be_rotated(self, id: str) -> None:
        """It is said to be unknown."""
        async with open_gateway(demo=False) as gate:
            answer = await gate.post(f"/v1/demo/keys/{id}/rotate", as_=gate.owner)
            assert refused(answer) == (404, "unknown_key"), told(answer)


class TestRevoking:
    async def test_a_revoked_key_opens_nothing(self) -> None:
        """At any gateway, from when it was answered; revoking it again is accepted."""
        async with open_gateway(demo=False) as gate:
            other, key = await gate.beside(), await issued(gate)
            assert await works(other, key["key"])
            for _ in range(2):
                answer = await gate.delete(f"/v1/demo/keys/{key['id']}", as_=gate.owner)
                assert (answer.status_code, answer.json()) == (200, {"id": key["id"]})
            assert not await works(gate, key["key"]) and not await works(other, key["key"])
            assert refused(await gate.delete("/v1/demo/keys/nobody", as_=gate.owner)) == (404, "unknown_key")


class TestNobodyGivesMoreThanTheyHave:
    async def test_a_narrow_key_issues_narrow_keys(self) -> None:
        """It issues what it may do itself, and nothing stronger."""
        async with open_gateway(demo=False) as gate:
            narrow = await gate.key("owner", "keys.manage", "bookings.read")
            wanted = {"role": "owner", "scopes": ["bookings.read"]}
            assert (await gate.post("/v1/demo/keys", wanted, as_=narrow)).status_code == 201
            for stronger in ({"role": "owner"}, {"role": "viewer"}, {"role": "owner", "scopes": ["rooms.run"]}):
                answer = await gate.post("/v1/demo/keys", stronger, as_=narrow)
                assert refused(answer) == (403, "not_permitted"), told(answer)

    async def test_a_narrow_key_rotates_no_stronger_one(self) -> None:
        """It would be told the owner's new secret."""
        async with open_gateway(demo=False) as gate:
            narrow = await gate.key("owner", "keys.manage")
            answer = await gate.post("/v1/demo/keys/owner/rotate", as_=narrow)
            assert refused(answer) == (403, "not_permitted"), told(answer)

    async def test_a_narrow_key_trusts_nobody_as_an_owner(self) -> None:
        """An issuer of its own could say anything."""
        async with open_gateway(demo=False) as gate:
            narrow = await gate.key("owner", "keys.manage")
            answer = await gate.put("/v1/demo/issuers/mine", ISSUER, as_=narrow)
            assert refused(answer) == (403, "not_permitted"), told(answer)


class TestIssuers:
    async def test_an_issuer_is_put_shown_and_removed(self) -> None:
        """As it was said; and unknown when it is gone."""
        async with open_gateway(demo=False) as gate:
            put = await gate.put("/v1/demo/issuers/staff", ISSUER, as_=gate.owner)
            assert (put.status_code, put.json()) == (200, {"id": "staff"} | ISSUER)
            shown = await gate.get("/v1/demo/issuers/staff", as_=gate.owner)
            listed = await gate.get("/v1/demo/issuers", as_=gate.owner)
            assert shown.json() == put.json() and listed.json() == [put.json()]
            gone = await gate.delete("/v1/demo/issuers/staff", as_=gate.owner)
            assert gone.json() == {"id": "staff"}
            assert refused(await gate.get("/v1/demo/issuers/staff", as_=gate.owner)) == (404, "unknown_issuer")
            assert refused(await gate.delete("/v1/demo/issuers/staff", as_=gate.owner)) == (404, "unknown_issuer")

    async def test_where_its_keys_are_may_be_left_to_the_issuer(self) -> None:
        """Left out or empty, which is one and the same."""
        without = {name: value for name, value in ISSUER.items() if name != "jwks_url"}
        async with open_gateway(demo=False) as gate:
            for wanted in (without, without | {"jwks_url": ""}):
                put = await gate.put("/v1/demo/issuers/staff", wanted, as_=gate.owner)
                assert (put.status_code, put.json()) == (200, {"id": "staff"} | ISSUER | {"jwks_url": ""})

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"jwks_url": "http://login.example.com/jwks"}, "bad_issuer"),
            ({"jwks_url": "", "url": ""}, "bad_issuer"),
            ({"url": "ftp://login.example.com"}, "bad_issuer"),
            ({"algorithms": ["HS256"]}, "malformed"),
            ({"algorithms": ["none"]}, "malformed"),
            ({"algorithms": []}, "bad_algorithm"),
            ({"audience": " "}, "bad_audience"),
            ({"roles": {}, "default_role": None}, "no_roles"),
            ({"roles": {"desk": "king"}}, "malformed"),
        ],
    )
    async def test_what_cannot_be_trusted_is_refused(self, change: dict[str, Any], code: str) -> None:
        """By the rule that stands against it."""
        async with open_gateway(demo=False) as gate:
            answer = await gate.put("/v1/demo/issuers/staff", ISSUER | change, as_=gate.owner)
            assert refused(answer)[1] == code, told(answer)


async def test_only_those_who_manage_keys_come_near() -> None:
    """Whoever lacks keys.manage is refused on every one of these routes."""
    async with open_gateway(demo=False) as gate:
        operator, narrow = await gate.key("operator"), await gate.key("owner", "webhooks.manage")
        routes = [
            ("GET", "/keys"), ("POST", "/keys"), ("POST", "/keys/owner/rotate"), ("DELETE", "/keys/owner"),
            ("GET", "/issuers"), ("GET", "/issuers/a"), ("PUT", "/issuers/a"), ("DELETE", "/issuers/a"),
        ]  # fmt: skip
        for method, path in routes:
            body: Any = {"role": "viewer"} if path == "/keys" else ISSUER if method == "PUT" else None
            body = None if method in {"GET", "DELETE"} else body
            for key in (operator, narrow):
                assert refused(await gate.ask(method, f"/v1/demo{path}", body, as_=key)) == (403, "not_permitted")
            answer = await gate.ask(method, f"/v1/other{path}", body, as_=gate.owner)
            assert refused(answer) == (403, "foreign_organisation")
            assert refused(await gate.ask(method, f"/v1/demo{path}", body)) == (401, "unauthenticated")
