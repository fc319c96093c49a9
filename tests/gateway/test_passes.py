"""A pass opens one room to one session until its seat ends, and nothing else is a pass.

The module is whole: what is a pass is only said together with all that isn't one.
"""

from __future__ import annotations

import hmac
import json
import re
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from events.clock import Instant, system_clock
from events.waiting.sessions import NUMBERS_MAX, session_of
from gateway.keys import LIFE_MAX_S, PublicKeys, SigningKey, thumbprint
from gateway.passes import (
    TOKEN_CHARACTERS_MAX,
    BadPass,
    Pass,
    PassExpired,
    PassForged,
    PassMalformed,
    PassOfAnotherRoom,
    PassOfAnotherSession,
    sign,
    verify_pass,
)

NOON: Instant = 1_796_644_800_000
SESSION = session_of("a key that only they know")
GIVEN = Pass(
    id="launch.3.4711",
    org="demo",
    room="launch",
    session=SESSION,
    issued_at=NOON,
    expires_at=NOON + 600_000,
)
DOCUMENT = Path(__file__).parents[2] / "docs" / "passes.md"


def key_from(seed: int) -> SigningKey:
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return SigningKey(thumbprint(private.public_key()), 0, private)


def public(*keys: SigningKey) -> PublicKeys:
    return PublicKeys({key.kid: key.private.public_key() for key in keys})


KEY = key_from(1)
KEYS = public(KEY)
TOKEN = sign(GIVEN, KEY)


def verified(token: str, keys: PublicKeys = KEYS, at: Instant = NOON, **expected: Any) -> Pass:
    return verify_pass(token, keys, **{"org": "demo", "room": "launch", **expected}, at=at)


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def claims_in(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def signed(claims: Any, key: SigningKey = KEY, **header: Any) -> str:
    """A token that is signed as ours are, whatever it says."""
    spelled = json.dumps({"alg": "EdDSA", "kid": key.kid, "typ": "JWT"} | header).encode()
    to_sign = f"{base64url(spelled)}.{base64url(json.dumps(claims).encode())}"
    return f"{to_sign}.{base64url(key.private.sign(to_sign.encode()))}"


def headed(head: bytes) -> str:
    """A token of the right shape, with that for its header."""
    return f"{base64url(head)}.e30.AA"


# ---------------------------------------------------------------------------------------------------- what it is


def test_a_pass_is_read_as_it_was_given() -> None:
    """Signed and verified, it is the same pass."""
    assert verified(TOKEN, session=SESSION) == GIVEN


def test_a_pass_says_what_the_document_says() -> None:
    """The claims are public: whoever checks passes relies on their names and forms."""
    assert claims_in(TOKEN) == {
        "iss": "tidegate/demo",
        "aud": "demo/launch",
        "sub": SESSION,
        "jti": "launch.3.4711",
        "room": "launch",
        "iat": NOON // 1_000,
        "exp": NOON // 1_000 + 600,
    }
    assert jwt.get_unverified_header(TOKEN) == {"alg": "EdDSA", "kid": KEY.kid, "typ": "JWT"}
    assert set(re.findall(r"^\| `(\w+)`", DOCUMENT.read_text("utf-8"), re.MULTILINE)) == set(claims_in(TOKEN))


def test_the_longest_pass_fits() -> None:
    """However long the names are, a pass stays below the bound that is read."""
    name = "a" * 64
    longest = Pass(
        id=f"{name}.63.{NUMBERS_MAX - 1}",
        org=name,
        room=name,
        session=SESSION,
        issued_at=9_999_999_999_000,
        expires_at=9_999_999_999_999,
    )
    assert len(sign(longest, KEY)) <= TOKEN_CHARACTERS_MAX


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "4711"},
        {"id": "launch.3.04711"},
        {"id": "finale.3.4711"},
        {"org": "demo/launch"},
        {"org": ""},
        {"session": "a key that only they know"},
        {"expires_at": NOON - 1},
        {"expires_at": NOON + LIFE_MAX_S * 1_000 + 1},
        {"issued_at": -1, "expires_at": 1},
    ],
)
def test_what_cannot_be_a_pass_is_not_signed(wrong: dict[str, Any]) -> None:
    """A mistake of ours ends before the signature; above all a life that is longer than the key is kept."""
    with pytest.raises(ValueError, match="there is no pass"):
        sign(msgspec.structs.replace(GIVEN, **wrong), KEY)


# ---------------------------------------------------------------------------------------------------- how long


@given(seat_ms=st.integers(0, LIFE_MAX_S * 1_000), issued_at=st.integers(NOON, NOON + 2_000), late_ms=st.integers(0))
def test_a_pass_never_outlives_its_seat(seat_ms: int, issued_at: Instant, late_ms: int) -> None:
    """At the instant at which the seat ends, to the millisecond, and at every later one, the pass is over."""
    until = issued_at + seat_ms
    token = sign(msgspec.structs.replace(GIVEN, issued_at=issued_at, expires_at=until), KEY)
    with pytest.raises(PassExpired):
        verified(token, at=until + late_ms)


@given(seat_ms=st.integers(2_000, LIFE_MAX_S * 1_000), issued_at=st.integers(NOON, NOON + 2_000))
def test_a_pass_ends_less_than_a_second_before_its_seat(seat_ms: int, issued_at: Instant) -> None:
    """Whole seconds cost less than one of them."""
    until = issued_at + seat_ms
    token = sign(msgspec.structs.replace(GIVEN, issued_at=issued_at, expires_at=until), KEY)
    assert until - 1_000 < verified(token, at=until - 1_000).expires_at <= until


def test_a_pass_is_over_at_its_last_second_and_not_before() -> None:
    """To the millisecond, and without leeway."""
    token = sign(msgspec.structs.replace(GIVEN, expires_at=NOON + 60_999), KEY)
    assert verified(token, at=NOON + 59_999).expires_at == NOON + 60_000
    with pytest.raises(PassExpired):
        verified(token, at=NOON + 60_000)


def test_a_pass_of_a_clock_that_is_ahead_is_good() -> None:
    """Gateways' clocks differ by a little: whoever was just let in by one is not turned away by the next."""
    assert verified(TOKEN, at=NOON - 50) == GIVEN


# ---------------------------------------------------------------------------------------------------- for whom


@pytest.mark.parametrize("elsewhere", [{"room": "finale"}, {"org": "other"}, {"org": "other", "room": "finale"}])
def test_a_pass_opens_its_own_room_only(elsewhere: dict[str, Any]) -> None:
    """Rooms are told apart by their organisation and their name, since the same keys sign for all."""
    with pytest.raises(PassOfAnotherRoom):
        verified(TOKEN, **elsewhere)


def test_a_pass_opens_to_its_own_session_only() -> None:
    """Where the session is known, a pass that was handed on is refused; where it isn't, nobody can tell."""
    with pytest.raises(PassOfAnotherSession):
        verified(TOKEN, session=session_of("another key"))
    assert verified(TOKEN, session=None) == GIVEN


# ---------------------------------------------------------------------------------------------------- forgeries


@pytest.mark.parametrize(
    "wish",
    [{"exp": 4_102_444_800}, {"aud": "demo/finale", "room": "finale"}, {"sub": session_of("mine")}, {"jti": "x"}],
)
def test_a_changed_pass_is_a_forgery(wish: dict[str, Any]) -> None:
    """The signature is over every claim."""
    head, _, signature = TOKEN.split(".")
    with pytest.raises(PassForged):
        verified(f"{head}.{base64url(json.dumps(claims_in(TOKEN) | wish).encode())}.{signature}")


@pytest.mark.parametrize("none", ["none", "None", "NONE", "nOnE"])
@pytest.mark.parametrize("signature", ["", TOKEN.split(".")[2]])
def test_a_pass_without_a_signature_is_a_forgery(none: str, signature: str) -> None:
    """`alg: none` is not an algorithm, however it is spelled."""
    head = base64url(json.dumps({"alg": none, "kid": KEY.kid}).encode())
    with pytest.raises(PassForged):
        verified(f"{head}.{TOKEN.split('.')[1]}.{signature}")


@pytest.mark.parametrize(
    "secret",
    [
        KEY.private.public_key().public_bytes_raw(),
        KEY.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        base64url(KEY.private.public_key().public_bytes_raw()).encode(),
        b"",
    ],
)
def test_the_public_key_is_no_secret_to_sign_with(secret: bytes) -> None:
    """HS256 with what everybody knows, in whatever form, is a forgery: the algorithm is ours to choose."""
    head = base64url(json.dumps({"alg": "HS256", "kid": KEY.kid}).encode())
    to_sign = f"{head}.{TOKEN.split('.')[1]}"
    with pytest.raises(PassForged):
        verified(f"{to_sign}.{base64url(hmac.digest(secret, to_sign.encode(), sha256))}")


@pytest.mark.parametrize("alg", ["Ed25519", "ES256", "eddsa", "", None, 7, ["EdDSA"], {"EdDSA": 1}])
def test_no_other_algorithm_is_spoken(alg: object) -> None:
    """Even with a signature that is good."""
    with pytest.raises(PassForged):
        verified(signed(claims_in(TOKEN), alg=alg))


def test_another_key_is_a_forgery() -> None:
    """Whether it goes by its own name or by ours, or by none."""
    other = key_from(2)
    for token in (
        sign(GIVEN, other),
        signed(claims_in(TOKEN), other, kid=KEY.kid),
        signed(claims_in(TOKEN), KEY, kid=other.kid),
        signed(claims_in(TOKEN), KEY, kid=""),
    ):
        with pytest.raises(PassForged):
            verified(token)
    with pytest.raises(PassForged):
        verified(signed(claims_in(TOKEN), KEY, kid=other.kid), public(KEY, other))


def test_a_pass_has_one_spelling() -> None:
    """No character of it can be another one, none be added, and none be left out."""
    for place, character in enumerate(TOKEN):
        for other in {"A", "Q", "g", "w", "-", "_", "=", chr(ord(character) ^ 1)} - {character}:
            with pytest.raises(BadPass):
                verified(TOKEN[:place] + other + TOKEN[place + 1 :])
        with pytest.raises(BadPass):
            verified(TOKEN[:place] + TOKEN[place + 1 :])
    for around in (f"{TOKEN}=", f"{TOKEN}==", f" {TOKEN}", f"{TOKEN}\n", f"{TOKEN}.", f"Bearer {TOKEN}"):
        with pytest.raises(PassMalformed):
            verified(around)


# ---------------------------------------------------------------------------------------------------- no passes


@pytest.mark.parametrize(
    "claims",
    [
        {},
        [],
        "text",
        claims_in(TOKEN) | {"exp": "tomorrow"},
        claims_in(TOKEN) | {"exp": 1e300},
        claims_in(TOKEN) | {"exp": 10**30},
        claims_in(TOKEN) | {"exp": True},
        claims_in(TOKEN) | {"exp": NOON // 1_000 + LIFE_MAX_S + 1},
        claims_in(TOKEN) | {"iat": NOON},
        claims_in(TOKEN) | {"aud": ["demo/launch"]},
        claims_in(TOKEN) | {"aud": "other/launch"},
        claims_in(TOKEN) | {"iss": "demo"},
        claims_in(TOKEN) | {"iss": "tidegate/tidegate/demo"},
        claims_in(TOKEN) | {"room": "finale"},
        claims_in(TOKEN) | {"jti": "finale.3.4711"},
        claims_in(TOKEN) | {"sub": None},
        {name: value for name, value in claims_in(TOKEN).items() if name != "exp"},
    ],
)
def test_what_we_sign_for_another_purpose_is_no_pass(claims: Any) -> None:
    """A good signature over something else, or over what contradicts itself, opens nothing."""
    with pytest.raises(PassMalformed):
        verified(signed(claims))


def test_a_pass_may_say_more_than_we_know() -> None:
    """A gateway that is still the old version lets in those whom the new one gave a pass."""
    assert verified(signed(claims_in(TOKEN) | {"lane": "members"})) == GIVEN


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        TOKEN.replace(".", ""),
        TOKEN + "A" * TOKEN_CHARACTERS_MAX,
        "A" * 10_000_000,
        headed(b"[" * 500),
        headed(b'{"a":' * 130),
        headed(b"[1]"),
        headed(b'{"kid": 7}'),
        headed(bytes(range(128, 160))),
        headed(b'{"alg": "EdDSA", "crit": ["b64"], "b64": false}'),
        "\ud800.e30.AA",
        "٣.e30.AA",
    ],
)
def test_garbage_is_malformed(garbage: str) -> None:
    """However long, however deep."""
    with pytest.raises(PassMalformed):
        verified(garbage)


@given(st.one_of(st.text(), st.binary().map(lambda data: data.decode("latin-1")), st.text("AEegkwy0-_=.", max_size=60)))
def test_whatever_is_no_pass_is_a_bad_pass(text: str) -> None:
    """Nothing that a visitor sends raises anything else."""
    with pytest.raises(BadPass):
        verified(text)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5),
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "x5c"]), st.text() | st.booleans()),
)
def test_whatever_is_signed_is_a_bad_pass(claims: Any, header: dict[str, Any]) -> None:
    """Neither does anything that has our signature, with whatever it says of itself."""
    with pytest.raises(BadPass):
        verified(signed(claims, **header))


@given(st.data())
def test_a_pass_that_was_damaged_is_a_bad_pass(data: st.DataObject) -> None:
    """Some of its characters are exchanged for any others: never is it good, never is it an accident."""
    characters = list(TOKEN)
    for place in data.draw(st.sets(st.integers(0, len(TOKEN) - 1), min_size=1, max_size=4)):
        characters[place] = data.draw(st.characters())
    damaged = "".join(characters)
    if damaged != TOKEN:
        with pytest.raises(BadPass):
            verified(damaged)


def test_each_way_to_be_bad_has_a_code_and_says_what_to_do() -> None:
    """Codes are stable, and every one has its next step."""
    ways = {kind.code: kind for kind in BadPass.__subclasses__()}
    assert set(ways) == {
        "pass_expired",
        "pass_forged",
        "pass_malformed",
        "pass_of_another_room",
        "pass_of_another_session",
    }
    assert all(kind.next_step for kind in ways.values())


# ---------------------------------------------------------------------------------------------------- by others


@pytest.fixture
def published() -> Iterator[str]:
    """The address where our public keys are fetched."""
    content = json.dumps(KEYS.jwks()).encode()

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_request(self, *_: object) -> None:
            """Not into the tests' output."""

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_example_in_the_document_works(published: str) -> None:
    """As it stands there, with nothing but PyJWT, it lets in whom we let in and nobody else."""
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example.replace("https://tidegate.example", published), names)
    now = system_clock()
    fresh = msgspec.structs.replace(GIVEN, issued_at=now, expires_at=now + 600_000)
    over = msgspec.structs.replace(GIVEN, issued_at=now - 60_000, expires_at=now)
    assert names["claims_of"](sign(fresh, KEY), "demo", "launch")["jti"] == GIVEN.id
    for token, org, room in (
        (sign(over, KEY), "demo", "launch"),
        (sign(fresh, KEY), "demo", "finale"),
        (sign(fresh, KEY), "other", "launch"),
        (signed(claims_in(sign(fresh, KEY)), key_from(2), kid=KEY.kid), "demo", "launch"),
        ("garbage", "demo", "launch"),
    ):
        with pytest.raises(jwt.InvalidTokenError):
            names["claims_of"](token, org, room)
    with pytest.raises(jwt.PyJWKClientError):
        names["claims_of"](sign(fresh, key_from(2)), "demo", "launch")
