"""Signatures of webhooks: what any library of Standard Webhooks makes of them."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from gateway.secret import Secret
from gateway.webhooks.signing import key_of, shown, signature

SECRET = Secret(bytes(range(32)))


def verified(whsec: str, id: str, timestamp: str, header: str, body: str) -> bool:
    """As the reference implementation does it, written down a second time."""
    key = b64decode(whsec.removeprefix("whsec_"), validate=True)
    expected = hmac.new(key, f"{id}.{timestamp}.{body}".encode(), sha256).digest()
    for versioned in header.split(" "):
        version, _, given_one = versioned.partition(",")
        if version == "v1" and hmac.compare_digest(b64decode(given_one), expected):
            return True
    return False


def test_the_published_example_comes_out() -> None:
    """The vector that the libraries of Standard Webhooks are tested with."""
    key = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert shown(key) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@given(st.text(max_size=200), st.integers(0, 1 << 40))
def test_either_secret_of_a_rotation_verifies(body: str, timestamp: int) -> None:
    """Whoever has the old one, and whoever has the new one already; nobody else."""
    keys = [key_of(SECRET, "demo", "shop", number) for number in (4, 3)]
    header = signature(keys, "17-0", timestamp, body.encode())
    assert all(verified(shown(key), "17-0", str(timestamp), header, body) for key in keys)
    assert not verified(shown(key_of(SECRET, "demo", "shop", 2)), "17-0", str(timestamp), header, body)
    assert not verified(shown(keys[0]), "17-1", str(timestamp), header, body)
    assert not verified(shown(keys[0]), "17-0", str(timestamp + 1), header, body)
    assert not verified(shown(keys[0]), "17-0", str(timestamp), header, body + " ")


def test_secrets_differ_by_organisation_endpoint_and_generation() -> None:
    """And are those of this installation."""
    keys = {
        key_of(secret, org, endpoint, number)
        for secret in (SECRET, Secret(b"x" * 32))
        for org in ("demo", "dem")
        for endpoint in ("shop", "oshop")
        for number in (1, 11)
    }
    assert len(keys) == 16
    assert all(len(key) == 32 for key in keys)


def test_a_secret_is_shown_in_the_alphabet_that_libraries_read() -> None:
    """Not in the one of addresses, whose letters some of them pass over without a word."""
    texts = [shown(key_of(SECRET, "demo", "shop", number)) for number in range(50)]
    assert all(b64encode(b64decode(text[6:], validate=True)).decode() == text[6:] for text in texts)
    assert any("+" in text or "/" in text for text in texts)
