"""Who a request is from: what is shown has to hold, and nobody is taken for somebody else, nor for nobody."""

from __future__ import annotations

import asyncio
import hmac as hmac_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import events.access
from events.access import ApiKey
from events.clock import Instant
from events.identity import api_key
from events.permissions import permitted
from gateway.identity import sessions as sessions_module
from gateway.identity.bearer import Bearers, Shown, bearer_of, cookie_of
from gateway.identity.callers import Caller, nobody
from gateway.identity.sessions import SESSION_BYTES, Session, Sessions
from gateway.limits import SESSION_LIFE_S, TOKEN_CHARACTERS_MAX
from gateway.problems import Problem
from gateway.secret import Secret
from tests.support.gateway import NOON, in_virtual_time

__all__ = ["in_virtual_time"]

SESSIONS = Sessions(Secret(b"s" * 32))
OTHERS = Sessions(Secret(b"t" * 32))
KEY = api_key("demo", "server", b"k" * 32).text
SERVER = Caller("demo", "service", "key:server", permitted("service"))


def session(nth: int = 0, org: str = "demo") -> Session:
    return SESSIONS.new(org, bytes([nth]) * SESSION_BYTES, NOON)


def token(nth: int = 0, org: str = "demo") -> str:
    return SESSIONS.token(session(nth, org))


class OneKey:
    """A register with one key in it."""

    async def caller(self, org: str, bearer: str) -> Caller:
        if bearer == KEY:
            return SERVER
        raise Problem("bad_token", "no such key")


async def caller(at: Instant = NOON, **shown: Any) -> Caller:
    return await Bearers(SESSIONS, OneKey(), lambda: at).caller("demo", Shown(**shown))


async def code(at: Instant = NOON, **shown: Any) -> str:
    with pytest.raises(Problem) as raised:
        await caller(at, **shown)
    assert not any(one in str(raised.value) for one in shown.values() if one)
    return raised.value.code


class TestSessions:
    async def test_a_session_is_a_visitor(self) -> None:
        """With a key to their tickets that is theirs alone."""
        one, other = await caller(bearer=token(0)), await caller(bearer=token(1))
        assert (one.standing, one.by) == ("session", f"session:{session(0).id}")
        assert one.session == session(0).id and one.permits == permitted("session")
        assert one.key and one.key != other.key and one.key == (await caller(cookie=token(0))).key

    async def test_it_may_be_shown_in_three_ways(self) -> None:
        """As a bearer token, in its own header, as a cookie; the cookie says least."""
        for way in ("bearer", "session", "cookie"):
            shown: dict[str, Any] = {way: token()}
            assert (await caller(**shown)).session == session().id
        assert (await caller(bearer=token(1), cookie=token())).session == session(1).id
        assert (await caller(session=token(1), cookie=token())).session == session(1).id

    async def test_it_ends(self) -> None:
        """When it says, to the millisecond."""
        ends = NOON + SESSION_LIFE_S * 1_000
        assert (await caller(ends - 1, bearer=token())).session
        assert await code(ends, bearer=token()) == "token_expired"

    async def test_a_session_of_another_organisation_is_foreign(self) -> None:
        """Though we have signed it."""
        for way in ("bearer", "session", "cookie"):
            shown: dict[str, Any] = {way: token(org="other")}
            assert await code(**shown) == "foreign_organisation"
        assert await code(bearer=KEY, session=token(org="other")) == "foreign_organisation"

    async def test_only_we_sign_sessions(self) -> None:
        """With another secret it is another's."""
        assert await code(bearer=OTHERS.token(session())) == "bad_token"

    async def test_cut_or_changed_it_is_none(self) -> None:
        """At any letter, and with any other in its place."""
        good = token()
        for place in range(len("ts."), len(good)):
            assert await code(bearer=good[:place]) == "bad_token"
            other = "a" if good[place] != "a" else "b"
            assert await code(bearer=good[:place] + other + good[place + 1 :]) == "bad_token"
        for changed in (good + "a", good + ".", good.upper(), "ts." + good, good.replace("demo", "dem\u043e")):
            assert await code(cookie=changed) == "bad_token"

    async def test_its_end_cannot_be_moved(self) -> None:
        """Nor its name, nor its organisation: each of them is signed, and so is where one ends and the next begins."""
        _, org, id, ends, mac = token().split(".")
        for said in (
            (org, id, f"{int(ends, 16) + 1:x}"), (org, id, f"0{ends}"), ("other", id, ends), (org, id[:-1], ends),
            (org + id[0], id[1:], ends),
        ):  # fmt: skip
            assert await code(bearer=".".join(("ts", *said, mac))) == "bad_token"

    @given(st.text(max_size=80))
    def test_whatever_is_shown_is_read_or_not(self, text: str) -> None:
        """Nothing that somebody makes up is a session, and nothing breaks."""
        assert SESSIONS.read(text) is None
        assert SESSIONS.read("ts." + text) is None


class TestTogether:
    async def test_a_server_acts_for_a_visitor(self) -> None:
        """By its own key and the visitor's session: it may what it may, and the tickets are theirs."""
        both = await caller(bearer=KEY, session=token())
        alone = await caller(bearer=token())
        assert (both.standing, both.by, both.permits) == (SERVER.standing, SERVER.by, SERVER.permits)
        assert (both.session, both.key) == (alone.session, alone.key)

    async def test_a_cookie_gives_a_server_no_visitor(self) -> None:
        """Browsers send cookies by themselves; for whom a server acts, it says."""
        assert await caller(bearer=KEY, cookie=token()) == SERVER

    async def test_a_bad_session_is_not_passed_over(self) -> None:
        """A server that thinks it acts for somebody is not answered as acting for nobody."""
        for session in ("ts.demo", OTHERS.token(SESSIONS.new("demo", b"0" * 15, NOON)), KEY, "x"):
            assert await code(bearer=KEY, session=session) == "bad_token"
        assert await code(NOON + SESSION_LIFE_S * 1_000, bearer=KEY, session=token()) == "token_expired"

    async def test_two_sessions_are_one_too_many(self) -> None:
        """Nobody is two visitors."""
        assert await code(bearer=token(0), session=token(1)) == "bad_token"
        assert await code(bearer=token(0), session=token(0)) == "bad_token"

    async def test_what_does_not_hold_is_never_taken_for_nothing(self) -> None:
        """Whoever shows nothing is nobody; whoever shows something bad is refused."""
        assert await caller() == nobody("demo")
        for way in ("bearer", "session", "cookie"):
            for bad in ("x", "ts.", "tg.demo.a.b", ".."):
                shown: dict[str, Any] = {way: bad}
                assert await code(**shown) == "bad_token"

    async def test_tokens_are_bounded(self) -> None:
        """All that is shown together."""
        third = TOKEN_CHARACTERS_MAX // 3 + 1
        assert await code(bearer="x" * (TOKEN_CHARACTERS_MAX + 1)) == "bad_token"
        assert await code(bearer=KEY, session="x" * third * 2, cookie="x" * third) == "bad_token"


class TestHeaders:
    def test_a_bearer_token_is_read(self) -> None:
        """Whatever the case of the scheme."""
        for scheme in ("Bearer", "bearer", "BEARER"):
            assert bearer_of(f"{scheme} abc") == "abc"
        assert bearer_of("") == ""

    @pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "abc", "Digest x", "Bearerabc"])
    def test_another_scheme_is_refused(self, header: str) -> None:
        """Whoever shows a password is somebody, or thinks so."""
        with pytest.raises(Problem, match="bearer"):
            bearer_of(header)

    def test_an_empty_bearer_token_is_refused(self) -> None:
        """It would be taken for nothing."""
        with pytest.raises(Problem, match="bearer"):
            bearer_of("Bearer  ")

    def test_a_cookie_is_found_by_its_name(self) -> None:
        """Among others, quoted or not; the first of two."""
        header = 'a=1; tidegate_session="ts.x"; xtidegate_session=no; tidegate_session=second'
        assert cookie_of(header, "tidegate_session") == "ts.x"
        assert cookie_of("tidegate_sessions=a", "tidegate_session") == cookie_of("", "tidegate_session") == ""


class TestTiming:
    """How long a comparison takes must say nothing of a secret: all of them go through `hmac.compare_digest`."""

    def test_the_mac_of_a_session_is_compared_in_constant_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Once, whole with whole."""
        compared = counting(monkeypatch, sessions_module)
        assert SESSIONS.read(token()) and SESSIONS.read(OTHERS.token(session())) is None
        assert len(compared) == 2 and all(len(a) == len(b) for a, b in compared)

    def test_the_hash_of_a_key_is_compared_in_constant_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The one that it has and the one that it had, both each time."""
        compared = counting(monkeypatch, events.access)
        key = ApiKey("a", "a", "viewer", (), "1" * 64, None, NOON, "2" * 64, NOON + 1)
        assert [key.opened_by(one * 64, NOON) for one in "123"] == [True, True, False]
        assert len(compared) == 6


def counting(monkeypatch: pytest.MonkeyPatch, module: Any) -> list[tuple[Any, Any]]:
    """What is compared in that module from here on."""
    compared: list[tuple[Any, Any]] = []

    def compare(one: Any, other: Any) -> bool:
        compared.append((one, other))
        return hmac_module.compare_digest(one, other)

    monkeypatch.setattr(module, "compare_digest", compare)
    return compared


async def test_whoever_has_little_time_is_not_kept_longer_to_be_found_out() -> None:
    """A register that does not answer is waited for as long as the request is."""

    class Silent:
        async def caller(self, org: str, bearer: str) -> Caller:
            await asyncio.sleep(3_600)
            raise AssertionError

    began = asyncio.get_running_loop().time()
    with pytest.raises(Problem) as late:
        await Bearers(SESSIONS, Silent(), lambda: NOON).caller("demo", Shown(bearer=KEY), 200)
    assert (late.value.code, late.value.fault) == ("deadline_passed", "late")
    assert asyncio.get_running_loop().time() - began < 1
