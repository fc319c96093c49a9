"""The plain function for other sites' servers judges passes as the gateway does, and keys come and go under it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from events.waiting.sessions import NUMBERS_MAX, session_of
from gateway.keys import LIFE_MAX_S
from gateway.passes import BadPass as TheirBadPass
from gateway.passes import sign
from gateway.passes import verify_pass as theirs
from tests.gateway.test_passes import GIVEN, KEY, KEYS, NOON, SESSION, TOKEN, claims_in, key_from, public, signed
from tidegate_client.passes import BadPass, Jwks, KeySet, NoKeys, PassForged, verify_pass, verify_pass_async

MINE: Final = KeySet(KEYS.jwks())
OTHER: Final = key_from(2)


def judged_by_the_gateway(token: str, at_ms: int, org: str, room: str, session: str | None) -> Any:
    try:
        found = theirs(token, KEYS, org=org, room=room, session=session, at=at_ms)
    except TheirBadPass as error:
        return error.code
    return (
        found.id, found.org, found.room, found.session, found.issued_at // 1_000, found.expires_at // 1_000,
    )  # fmt: skip


def judged_here(token: str, at_ms: int, org: str, room: str, session: str | None) -> Any:
    try:
        found = verify_pass(token, MINE, org, room, session=session, at=at_ms / 1_000)
    except BadPass as error:
        return error.code
    return (found.id, found.org, found.room, found.session, found.issued_at, found.expires_at)


def agree(token: str, at_ms: int = NOON, org: str = "demo", room: str = "launch", session: str | None = None) -> Any:
    """What both say, which is the same."""
    here = judged_here(token, at_ms, org, room, session)
    assert here == judged_by_the_gateway(token, at_ms, org, room, session)
    return here


CLAIMS: Final = claims_in(TOKEN)
NAMES: Final = st.sampled_from(["demo", "launch", "other", "a/b", "", "DEMO", "demo\n", "tidegate/demo"])
TICKETS: Final = st.sampled_from(
    ["launch.3.4711", "launch.03.1", "launch.63.1", "launch.64.1", f"launch.0.{NUMBERS_MAX - 1}",
     f"launch.0.{NUMBERS_MAX}", "launch.0.-1", "launch.1", "other.0.1", "launch.0.1\n", "launch.٣.1"]
)  # fmt: skip
TIMES: Final = st.one_of(
    st.sampled_from(
        [
            0,
            NOON // 1_000,
            NOON // 1_000 + LIFE_MAX_S,
            -1,
            10**12,
            2**63,
            2**64,
            10**30,
            float(NOON // 1_000),
            True,
            None,
            "1",
        ]
    ),
    st.floats(allow_nan=False),
    st.integers(NOON // 1_000 - 10, NOON // 1_000 + 700),
)
ANYTHING: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists, max_leaves=5
)


@given(st.integers(NOON - 2_000, NOON + 700_000), NAMES, NAMES, st.sampled_from([None, SESSION, session_of("other")]))
@example(NOON + 600_000, "demo", "launch", None)
@example(NOON + 599_999, "demo", "launch", SESSION)
def test_of_a_good_pass_both_say_the_same(at_ms: int, org: str, room: str, session: str | None) -> None:
    """At every instant, for every room, to every session."""
    agree(TOKEN, at_ms, org, room, session)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "iss": st.one_of(NAMES, NAMES.map("tidegate/{}".format), ANYTHING),
            "aud": st.one_of(NAMES, st.just("demo/launch"), st.just("other/launch"), ANYTHING),
            "sub": st.one_of(st.just(SESSION), st.just(SESSION.upper()), st.just(SESSION[1:]), ANYTHING),
            "jti": TICKETS,
            "room": NAMES,
            "iat": TIMES,
            "exp": TIMES,
            "lane": ANYTHING,
        },
    ),
    st.sets(st.sampled_from(sorted(CLAIMS)), max_size=1),
)
def test_of_whatever_is_signed_both_say_the_same(said: dict[str, Any], missing: set[str]) -> None:
    """Claims that contradict each other, that are of another kind, or not there; and more than there should be."""
    agree(signed({name: claim for name, claim in (CLAIMS | said).items() if name not in missing}))


@given(st.one_of(ANYTHING, st.dictionaries(st.text(), ANYTHING)))
def test_of_what_is_no_set_of_claims_both_say_the_same(claims: Any) -> None:
    """Signed or not, it is no pass."""
    assert agree(signed(claims)) == "pass_malformed"


@given(st.one_of(st.text(), st.text("AEegkwy0-_=.", max_size=60), st.binary().map(lambda data: data.decode("latin-1"))))
def test_of_what_anybody_sends_both_say_the_same(text: str) -> None:
    """And it is nothing but a bad pass."""
    assert agree(text) in {"pass_malformed", "pass_forged"}


@given(st.data())
def test_of_a_damaged_pass_both_say_the_same(data: st.DataObject) -> None:
    """Some of its characters are exchanged for any others."""
    characters = list(TOKEN)
    for place in data.draw(st.sets(st.integers(0, len(TOKEN) - 1), min_size=1, max_size=4)):
        characters[place] = data.draw(st.characters())
    agree("".join(characters))


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk"]), st.text() | st.booleans()))
def test_of_every_header_both_say_the_same(header: dict[str, Any]) -> None:
    """What a token says of itself changes nothing."""
    agree(signed(CLAIMS, **header))


@pytest.mark.parametrize(
    "payload", [b'{"iss": NaN}', b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 300, b'{"exp": 1e400}', b""]
)
def test_of_what_is_hardly_json_both_say_the_same(payload: bytes) -> None:
    """Numbers that are none, other encodings, depths."""
    head, _, _ = TOKEN.split(".")
    to_sign = f"{head}.{urlsafe_b64encode(payload).rstrip(b'=').decode()}"
    token = f"{to_sign}.{urlsafe_b64encode(KEY.private.sign(to_sign.encode())).rstrip(b'=').decode()}"
    assert agree(token) == "pass_malformed"


def test_the_codes_are_the_same() -> None:
    """A site and the gateway call what is wrong by the same names."""
    assert {kind.code for kind in BadPass.__subclasses__()} == {kind.code for kind in TheirBadPass.__subclasses__()}


def test_by_default_it_is_now() -> None:
    """By this machine's clock."""
    now = int(time.time() * 1_000)
    fresh = msgspec.structs.replace(GIVEN, issued_at=now, expires_at=now + 60_000)
    assert verify_pass(sign(fresh, KEY), MINE, "demo", "launch").id == GIVEN.id
    with pytest.raises(BadPass):
        verify_pass(sign(msgspec.structs.replace(GIVEN, issued_at=0, expires_at=1_000), KEY), MINE, "demo", "launch")


@pytest.mark.parametrize(
    "jwks", [{}, {"keys": []}, {"keys": 7}, {"keys": ["x"]}, {"keys": [{"kty": "RSA", "kid": "a"}]}]
)
def test_what_is_no_set_of_keys_is_refused(jwks: Any) -> None:
    """With one sentence, and nothing half taken in."""
    with pytest.raises(ValueError, match="no"):
        KeySet(jwks)


# ---------------------------------------------------------------------------------------------------- keys


class Publishing:
    """Whoever publishes keys, and how often they were asked."""

    def __init__(self) -> None:
        self.content = json.dumps(KEYS.jwks()).encode()
        self.status = 200
        self.asked = 0
        self.url = ""


@contextmanager
def publishing() -> Iterator[Publishing]:
    published = Publishing()

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            published.asked += 1
            self.send_response(published.status)
            self.send_header("Content-Length", str(len(published.content)))
            self.end_headers()
            self.wfile.write(published.content)

        def log_request(self, *_: object) -> None:
            """Not into the tests' output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        published.url = f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json"
        try:
            yield published
        finally:
            server.shutdown()
            thread.join()


class Way:
    """Blocking, and in a loop: the same keys, by the same rules."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.runner = asyncio.Runner() if name == "async" else None

    def verify(self, token: str, keys: Jwks) -> str:
        at = NOON / 1_000
        if self.runner is None:
            return verify_pass(token, keys, "demo", "launch", at=at).id
        return self.runner.run(verify_pass_async(token, keys, "demo", "launch", at=at)).id


@pytest.fixture(params=["blocking", "async"])
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    found = Way(request.param)
    yield found
    if found.runner is not None:
        found.runner.close()


def test_keys_are_fetched_once_and_kept(way: Way) -> None:
    """However many passes come."""
    with publishing() as published:
        keys = Jwks(published.url)
        assert {way.verify(TOKEN, keys) for _ in range(50)} == {GIVEN.id}
        assert published.asked == 1


def test_a_new_key_is_fetched_when_a_pass_names_it(way: Way) -> None:
    """At once, but not more often than it is allowed to: strangers can name keys, too."""
    with publishing() as published:
        keys = Jwks(published.url, again_s=0.2)
        way.verify(TOKEN, keys)
        for _ in range(20):
            with pytest.raises(PassForged):
                way.verify(sign(GIVEN, OTHER), keys)
        assert published.asked <= 2
        published.content = json.dumps(public(KEY, OTHER).jwks()).encode()
        time.sleep(0.25)
        assert way.verify(sign(GIVEN, OTHER), keys) == GIVEN.id


def test_a_key_that_was_taken_away_is_let_go_of(way: Way) -> None:
    """With the next fetch, which comes when they are old."""
    with publishing() as published:
        keys = Jwks(published.url, fresh_s=0.2, again_s=0.1)
        way.verify(TOKEN, keys)
        published.content = json.dumps(public(OTHER).jwks()).encode()
        time.sleep(0.25)
        with pytest.raises(PassForged):
            way.verify(TOKEN, keys)


@pytest.mark.parametrize(("status", "content"), [(500, b""), (200, b"<html>"), (200, b"{}"), (200, b"[" * 100_000)])
def test_when_keys_cannot_be_fetched_the_old_ones_do(way: Way, status: int, content: bytes) -> None:
    """A gateway that is away, or somebody else who answers in its place, locks nobody out."""
    with publishing() as published:
        keys = Jwks(published.url, fresh_s=0.05, again_s=0.01)
        way.verify(TOKEN, keys)
        published.status, published.content = status, content
        time.sleep(0.06)
        assert way.verify(TOKEN, keys) == GIVEN.id
        assert published.asked == 2


def test_without_any_key_nothing_is_said_of_the_visitor(way: Way) -> None:
    """It is an error of its own, and mended as soon as there are keys."""
    with publishing() as published:
        published.status = 503
        keys = Jwks(published.url, again_s=0.05)
        with pytest.raises(NoKeys):
            way.verify(TOKEN, keys)
        published.status = 200
        time.sleep(0.06)
        assert way.verify(TOKEN, keys) == GIVEN.id


def test_many_threads_and_tasks_fetch_once() -> None:
    """Whoever comes first fetches; the others wait for that."""
    with publishing() as published:
        keys = Jwks(published.url)
        asked: dict[str, Any] = {"args": (TOKEN, keys, "demo", "launch"), "kwargs": {"at": NOON / 1_000}}
        threads = [threading.Thread(target=verify_pass, **asked) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert published.asked == 1
        again = Jwks(published.url)

        async def all_at_once() -> set[str]:
            found = await asyncio.gather(
                *(verify_pass_async(TOKEN, again, "demo", "launch", at=NOON / 1_000) for _ in range(50))
            )
            return {one.id for one in found}

        assert asyncio.run(all_at_once()) == {GIVEN.id}
        assert published.asked == 2


def test_a_pass_is_in_no_error() -> None:
    """Who has it is in, so nobody is to find it in a log."""
    for token in (TOKEN, TOKEN[:-4] + "AAAA", "x" * 40):
        with pytest.raises(BadPass) as error:
            verify_pass(token, MINE, "demo", "finale", at=NOON / 1_000)
        assert token not in str(error.value) and token not in repr(error.value)
