"""Keys are fetched when they are needed, by one for all, and never oftener than an issuer can bear."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from jwt.algorithms import OKPAlgorithm
from structlog.testing import capture_logs

from events.access import Algorithm
from gateway.identity.discovery import KeySource
from gateway.identity.fetching import NotFetched
from gateway.identity.key_sets import KeySet, KeySets, Public
from gateway.limits import KEY_SET_AGAIN_S, KEY_SETS_MAX, KEYS_PER_SET_MAX
from gateway.problems import Problem
from tests.gateway.identity.issuer import JWKS, Issuing, jwk_of, private_key
from tests.support.gateway import in_virtual_time
from tests.support.waiting import later

__all__ = ["in_virtual_time"]

FRESH_S, KEPT_S = 20.0, 60.0
ED = jwk_of(private_key("EdDSA"), "ed")
EC = jwk_of(private_key("ES256"), "ec")
RSA = jwk_of(private_key("RS256"), "rsa")


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test has two minutes, even where they pass in no time."""
    monkeypatch.setattr("gateway.identity.key_sets.KEY_SET_FRESH_S", FRESH_S)
    monkeypatch.setattr("gateway.identity.key_sets.KEY_SET_KEPT_S", KEPT_S)


async def find(sets: KeySets, kid: str = "RS256-0", algorithm: Algorithm = "RS256") -> Public | None:
    return await sets.find(KeySource(JWKS), kid, algorithm)


async def problem(sets: KeySets) -> Problem:
    with pytest.raises(Problem) as raised:
        await find(sets)
    return raised.value


class TestFetching:
    async def test_one_fetches_for_all(self) -> None:
        """However many wait, and for as long as the keys are fresh."""
        issuer = Issuing()
        sets = KeySets(issuer.fetch)
        found = await asyncio.gather(*(find(sets) for _ in range(100)))
        assert all(found) and issuer.fetched == 1
        await asyncio.sleep(FRESH_S - 1)
        assert await find(sets) and issuer.fetched == 1
        await asyncio.sleep(2)
        assert all(await asyncio.gather(*(find(sets) for _ in range(100)))) and issuer.fetched == 2

    async def test_who_goes_away_takes_nobody_along(self) -> None:
        """A request that ends does not end the fetch that others wait for."""
        issuer, gate = Issuing(), asyncio.Event()

        async def slowly(url: str) -> bytes:
            await gate.wait()
            return await issuer.fetch(url)

        sets = KeySets(slowly)
        first, second = later(find(sets)), later(find(sets))
        await asyncio.sleep(1)
        first.cancel()
        gate.set()
        assert await second and issuer.fetched == 1

    async def test_a_key_that_is_withdrawn_is_good_no_longer(self) -> None:
        """Once the set is not fresh any more; nobody is let in by it while it is fetched."""
        issuer = Issuing()
        sets = KeySets(issuer.fetch)
        assert await find(sets)
        issuer.published = []
        assert await find(sets)
        await asyncio.sleep(FRESH_S)
        assert await find(sets) is None

    async def test_a_new_key_is_fetched_at_once(self) -> None:
        """A key that the set does not have is looked for, if the last look was not just now."""
        issuer, rotated = Issuing(), Issuing(1)
        sets = KeySets(issuer.fetch)
        assert await find(sets)
        await asyncio.sleep(KEY_SET_AGAIN_S)
        issuer.published = [*issuer.published, *rotated.published]
        assert await find(sets, "RS256-1") and issuer.fetched == 2
        assert await find(sets, "RS256-0")

    async def test_a_flood_of_forged_names_is_no_flood_of_fetches(self) -> None:
        """Once in ten seconds, whoever asks for keys that nobody has."""
        issuer = Issuing()
        sets = KeySets(issuer.fetch)
        for second in range(60):
            found = await asyncio.gather(*(find(sets, f"forged-{second}-{n}") for n in range(50)))
            assert not any(found)
            await asyncio.sleep(1)
        assert issuer.fetched == 60 / KEY_SET_AGAIN_S

    async def test_so_many_sets_are_kept(self) -> None:
        """Those longest unasked for go."""
        fetched: list[str] = []

        async def fetch(url: str) -> bytes:
            fetched.append(url)
            return b'{"keys":[]}'

        sets = KeySets(fetch)
        for number in range(KEY_SETS_MAX + 1):
            await sets.find(KeySource(f"https://{number}.example.com"), "a", "RS256")
        assert len(sets._kept) == KEY_SETS_MAX and KeySource("https://0.example.com") not in sets._kept


class TestOutOfReach:
    async def test_the_last_keys_are_good_for_an_hour(self) -> None:
        """An issuer that cannot be reached turns nobody away; after that, nobody can tell."""
        issuer = Issuing()
        sets = KeySets(issuer.fetch)
        assert await find(sets)
        issuer.reachable = False
        await asyncio.sleep(KEPT_S - 1)
        assert await find(sets)
        await asyncio.sleep(2)
        told = await problem(sets)
        assert (told.code, told.fault, told.status) == ("issuer_unreachable", "busy", 503)

    async def test_nobody_waits_for_it_twice(self) -> None:
        """Once it is known to be away, it is asked beside, and the last keys are good meanwhile."""
        issuer = Issuing()
        stuck = asyncio.Event()

        async def fetch(url: str) -> bytes:
            if not issuer.reachable:
                await asyncio.wait_for(stuck.wait(), 3)
            return await issuer.fetch(url)

        async def failing(url: str) -> bytes:
            try:
                return await fetch(url)
            except TimeoutError as error:
                raise NotFetched("timeout") from error

        sets, loop = KeySets(failing), asyncio.get_running_loop()
        assert await find(sets)
        issuer.reachable = False
        await asyncio.sleep(FRESH_S)
        waited: list[float] = []
        for _ in range(30):
            began = loop.time()
            assert await find(sets)
            waited.append(loop.time() - began)
            await asyncio.sleep(1)
        assert waited[0] == pytest.approx(3) and not any(waited[1:])

    async def test_it_is_asked_again(self) -> None:
        """Every ten seconds while somebody wants its keys, and trusted again at once."""
        issuer = Issuing()
        issuer.reachable = False
        sets = KeySets(issuer.fetch)
        for _ in range(30):
            assert (await problem(sets)).retry_after_ms == KEY_SET_AGAIN_S * 1_000
            await asyncio.sleep(1)
        assert issuer.fetched == 3
        issuer.reachable = True
        assert await find(sets)

    @pytest.mark.parametrize("said", [b"", b"<html>", b"[]", b'{"keys":{}}', b"\xff", b"[" * 100_000, b'{"key":[]}'])
    async def test_what_is_no_key_set_is_as_if_it_were_away(self, said: bytes) -> None:
        """The keys from before stay good."""
        issuer = Issuing()
        sets = KeySets(issuer.fetch)
        assert await find(sets)
        issuer.answers = lambda: said
        await asyncio.sleep(FRESH_S)
        assert await find(sets) and issuer.fetched == 2

    async def test_a_bug_of_ours_is_told_and_turns_nobody_away(self) -> None:
        """Whatever a fetch ends with, it has ended."""

        async def broken(_url: str) -> bytes:
            raise ZeroDivisionError

        with capture_logs() as logged:
            assert (await problem(KeySets(broken))).code == "issuer_unreachable"
        assert [one["event"] for one in logged] == ["issuer_keys_not_fetched"] and logged[0]["exc_info"]


def read(*jwks: Any) -> KeySet:
    return KeySet.read(json.dumps({"keys": jwks}).encode())


def number(bits: int) -> str:
    """A number of so many bits, as a JWK has it."""
    return urlsafe_b64encode(((1 << bits) - 1).to_bytes(-(-bits // 8), "big")).rstrip(b"=").decode()


class TestKeys:
    def test_a_key_serves_the_algorithms_of_its_kind(self) -> None:
        """And no other one: not by its name, and not for want of another."""
        keys = read(ED, EC, RSA)
        for kid, good in (("ed", {"EdDSA"}), ("ec", {"ES256"}), ("rsa", {"RS256", "PS256"})):
            algorithms: tuple[Algorithm, ...] = ("RS256", "PS256", "ES256", "EdDSA")
            assert {one for one in algorithms if keys.find(kid, one)} == good
        assert read(RSA | {"alg": "PS256"}).find("rsa", "RS256") is None
        assert read(RSA | {"alg": "PS256"}).find("rsa", "PS256")

    @pytest.mark.parametrize(
        "jwk",
        [
            ED | {"use": "enc"},
            ED | {"key_ops": ["sign"]},
            ED | {"key_ops": "verify"},
            ED | {"alg": "HS256"},
            ED | {"x": "AA"},
            ED | {"x": 7},
            ED | {"crv": "Ed448"},
            ED | {"d": ED["x"]},
            EC | {"crv": "P-384"},
            EC | {"x": EC["y"]},
            RSA | {"n": number(1_024)},
            RSA | {"n": number(16_384)},
            RSA | {"e": number(2_047)},
            RSA | {"e": "AA"},
            RSA | {"d": RSA["n"]},
            {"kty": "oct", "k": "c2VjcmV0", "kid": "ed"},
            {"kty": "oct", "k": "c2VjcmV0", "kid": "ed", "alg": "EdDSA", "crv": "Ed25519", "x": ED["x"]},
            {"kid": "ed"},
            [],
            "ed",
            None,
        ],
        ids=range(21),
    )
    def test_what_is_no_key_for_us_is_passed_over(self, jwk: Any) -> None:
        """And the others are good: an issuer has keys for other uses, and may have a broken one."""
        keys = read(jwk, RSA | {"kid": "good"})
        assert keys.find("good", "RS256")
        for kid, algorithm in (("ed", "EdDSA"), ("ec", "ES256"), ("rsa", "RS256"), ("rsa", "PS256")):
            assert keys.find(kid, algorithm) is None  # type: ignore[arg-type]  # pytest has no literals

    def test_a_name_is_one_keys(self) -> None:
        """Of two keys of one name and kind, it is not said which."""
        assert read(ED, jwk_of(private_key("EdDSA", 1), "ed")).find("ed", "EdDSA") is None

    def test_so_many_keys_are_looked_at(self) -> None:
        """Reading keys takes time, and whoever serves them decides how many there are."""
        keys = read(*[EC | {"kid": str(n)} for n in range(KEYS_PER_SET_MAX + 1)])
        assert keys.find(str(KEYS_PER_SET_MAX - 1), "ES256") and keys.find(str(KEYS_PER_SET_MAX), "ES256") is None

    def test_keys_of_other_curves_are_for_others(self) -> None:
        """Though they are well made."""
        other = OKPAlgorithm.to_jwk(ed448.Ed448PrivateKey.generate().public_key(), as_dict=True)
        large = jwk_of(ec.generate_private_key(ec.SECP384R1()), "ec")
        weak = jwk_of(rsa.generate_private_key(65_537, 1_024), "rsa")
        keys = read(other | {"kid": "ed"}, large, weak)
        assert not keys.find("ed", "EdDSA") and not keys.find("ec", "ES256") and not keys.find("rsa", "RS256")
