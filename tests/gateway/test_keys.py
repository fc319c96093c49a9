"""Signing keys: one signs, everybody knows it before it does, and it stays for as long as something hangs on it.

The module is whole: where keys lie, when they sign, who sees them and who never does are four promises of one folder.
"""

from __future__ import annotations

import json
import os
import pickle
import stat
import subprocess
import sys
import traceback
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from events.clock import Instant
from gateway.keys import (
    KEPT_S,
    LIFE_MAX_S,
    PUBLISHED_AHEAD_S,
    BadJwks,
    BadKeyFolder,
    Keys,
    PublicKeys,
    SigningKey,
    thumbprint,
)
from gateway.passes import Pass, PassForged, sign, verify_pass

ROOT = Path(__file__).parents[2]
NOON: Instant = 1_796_644_800_000
AHEAD = PUBLISHED_AHEAD_S * 1_000
KEPT = KEPT_S * 1_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def pass_at(at: Instant, life_ms: int = LIFE_MAX_S * 1_000) -> Pass:
    return Pass(id="launch.0.1", org="demo", room="launch", session="0" * 32, issued_at=at, expires_at=at + life_ms)


def opens(token: str, keys: PublicKeys, at: Instant) -> bool:
    try:
        return bool(verify_pass(token, keys, org="demo", room="launch", at=at))
    except PassForged:
        return False


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.pem")}


# ---------------------------------------------------------------------------------------------------- in a folder


def test_the_first_key_is_made_and_found_again(folder: Path) -> None:
    """A folder that isn't there yet is made, with one key, which signs at every later start."""
    made = Keys.open(folder).signing(NOON)
    assert Keys.open(folder).signing(NOON).kid == made.kid
    assert names(folder) == {f"{made.kid}.pem"}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_nobody_else_may_read_them(folder: Path, umask: int) -> None:
    """Files are 0600 and the folder is 0700, whatever this process allows otherwise."""
    before = os.umask(umask)
    try:
        Keys.open(folder).rotate(NOON)
    finally:
        os.umask(before)
    assert mode(folder) == 0o700
    assert {mode(path) for path in folder.iterdir()} == {0o600}


def test_a_key_is_a_file_that_others_can_read_too(folder: Path) -> None:
    """It is PKCS8 in PEM, and goes by the thumbprint of its public half."""
    kid = Keys.open(folder).signing(NOON).kid
    private = load_pem_private_key((folder / f"{kid}.pem").read_bytes(), None)
    assert isinstance(private, Ed25519PrivateKey)
    assert thumbprint(private.public_key()) == kid


def test_the_thumbprint_is_that_of_the_standard() -> None:
    """The example of RFC 8037, appendix A.3."""
    public = Ed25519PublicKey.from_public_bytes(urlsafe_b64decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo="))
    assert thumbprint(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


OPENING = """
import sys
from pathlib import Path
from gateway.keys import Keys

print("ready", flush=True)
for line in sys.stdin:
    keys = Keys.open(Path(line.strip()))
    print(keys.rotate(0).kid if "rotated" in line else keys.signing(0).kid, flush=True)
"""


def test_processes_that_open_a_fresh_folder_at_once_agree(tmp_path: Path) -> None:
    """One makes the key and the others find it; so it is with the next one, when all of them rotate at once."""
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENING],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    try:
        for opener in openers:
            assert opener.stdout is not None
            assert opener.stdout.readline() == "ready\n"
        for name in (f"{kind}-{number}" for number in range(30) for kind in ("opened", "rotated")):
            for opener in openers:
                assert opener.stdin is not None
                opener.stdin.write(f"{tmp_path / name}\n")
                opener.stdin.flush()
            kids = {opener.stdout.readline().strip() for opener in openers if opener.stdout is not None}
            assert len(kids) == 1, kids
            assert len(names(tmp_path / name)) == (2 if "rotated" in name else 1)
    finally:
        for opener in openers:
            opener.communicate()


class Killed(BaseException):
    """What no code of ours catches."""


@pytest.mark.parametrize("moment", ["half written", "before it is named", "after it is named"])
def test_a_process_may_be_killed_anywhere(folder: Path, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a key is written: it is there, whole, or it isn't; and the next start finds its way."""
    keys = Keys.open(folder)
    replace = Path.replace

    def killed(source: Path, target: Path) -> None:
        if moment == "half written":
            os.truncate(source, 60)
        elif moment == "after it is named":
            replace(source, target)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        with pytest.raises(Killed):
            keys.rotate(NOON)
    again = Keys.open(folder)
    assert again.signing(NOON).kid == keys.signing(NOON).kid
    assert again.signing(NOON + AHEAD).kid == (
        again.rotate(NOON).kid if moment == "after it is named" else keys.signing(NOON).kid
    )
    assert again.rotate(NOON).kid == again.signing(NOON + AHEAD).kid
    assert len(names(folder)) == 2
    assert not (folder / "unfinished").exists()


def test_a_key_is_on_the_disk_before_it_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its name is, before anybody signs: a power cut takes no key with which a pass was signed."""
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def named(source: Path, target: Path) -> Path:
        steps.append("name")
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", named)
    Keys.open(folder)
    assert steps == ["file", "name", "folder"]


# ---------------------------------------------------------------------------------------------------- in their time


def test_a_key_is_published_before_it_signs(folder: Path) -> None:
    """Whoever fetches the public keys once within that time knows every key that has signed."""
    keys = Keys.open(folder)
    first, following = keys.signing(NOON), keys.rotate(NOON)
    assert keys.public(NOON).kids == (first.kid, following.kid)
    assert keys.signing(NOON + AHEAD - 1).kid == first.kid
    assert keys.signing(NOON + AHEAD).kid == following.kid


def test_a_rotation_voids_no_pass(folder: Path) -> None:
    """What the old key signed at its last instant, for as long as may be, stays good until it ends."""
    keys = Keys.open(folder)
    keys.rotate(NOON)
    last = NOON + AHEAD - 1
    token = sign(pass_at(last), keys.signing(last))
    until = last + LIFE_MAX_S * 1_000
    end = until // 1_000 * 1_000
    keys.rotate(until)
    keys.reread()
    assert opens(token, keys.public(end - 1), end - 1)


def test_the_old_key_goes_when_its_passes_have_ended(folder: Path) -> None:
    """Out of sight at once, and off the disk with the next rotation."""
    keys = Keys.open(folder)
    first, following = keys.signing(NOON), keys.rotate(NOON)
    end = NOON + AHEAD + KEPT
    token = sign(pass_at(end - 1_000), first)
    assert first.kid in keys.public(end - 1).kids
    assert keys.public(end).kids == (following.kid,)
    assert not opens(token, keys.public(end), end)
    third = keys.rotate(end)
    assert names(folder) == {f"{following.kid}.pem", f"{third.kid}.pem"}


def test_a_rotation_that_is_under_way_is_not_begun_again(folder: Path) -> None:
    """Called twice, by whomever, it is one: the key that waits is the next."""
    one, other = Keys.open(folder), Keys.open(folder)
    assert one.rotate(NOON).kid == other.rotate(NOON + AHEAD - 1).kid
    assert one.rotate(NOON + AHEAD).kid not in other.public(NOON).kids


def test_what_one_process_does_another_reads(folder: Path) -> None:
    """Keys are what was read last."""
    one, other = Keys.open(folder), Keys.open(folder)
    following = one.rotate(NOON)
    assert other.signing(NOON + AHEAD).kid != following.kid
    other.reread()
    assert other.signing(NOON + AHEAD).kid == following.kid


@given(st.lists(st.integers(0, 3 * KEPT), max_size=12))
def test_whatever_is_signed_can_be_checked_until_it_ends(
    tmp_path_factory: pytest.TempPathFactory, pauses_ms: list[int]
) -> None:
    """However often keys are rotated, with whatever pauses; by those who fetched them within the hour before, too."""
    keys = Keys.open(tmp_path_factory.mktemp("rotated") / "keys")
    now = NOON
    living: list[str] = []
    fetched = keys.jwks(now)
    for pause_ms in pauses_ms:
        before, now = now, now + pause_ms
        for at in {before, min(now, before + AHEAD)}:
            living.append(sign(pass_at(at), keys.signing(at)))
            assert opens(living[-1], PublicKeys.from_jwks(fetched), at)
        keys.rotate(now)
        fetched = keys.jwks(now)
        for token in living:
            at = min(now, pass_end(token) - 1)
            assert opens(token, PublicKeys.from_jwks(fetched), at) or pass_end(token) <= now
        assert len(fetched["keys"]) <= KEPT_S // PUBLISHED_AHEAD_S + 2


def pass_end(token: str) -> Instant:
    payload = token.split(".")[1]
    return int(json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"]) * 1_000


def test_keys_are_few(folder: Path) -> None:
    """Even when they are rotated as often as can be, for days."""
    keys = Keys.open(folder)
    for hour in range(60):
        keys.rotate(NOON + hour * AHEAD)
    assert len(names(folder)) <= KEPT_S // PUBLISHED_AHEAD_S + 2


def test_a_key_that_leaked_is_taken_away_by_hand(folder: Path) -> None:
    """Its passes are void, and the key that waits for its time signs at once."""
    keys = Keys.open(folder)
    leaked, following = keys.signing(NOON), keys.rotate(NOON)
    token = sign(pass_at(NOON), leaked)
    (folder / f"{leaked.kid}.pem").unlink()
    keys.reread()
    assert keys.signing(NOON).kid == following.kid
    assert not opens(token, keys.public(NOON), NOON)


# ---------------------------------------------------------------------------------------------------- in public


def test_the_jwks_is_enough_to_check_a_pass_by_hand(folder: Path) -> None:
    """With nothing but the `x` of the key that the pass names, and Ed25519."""
    keys = Keys.open(folder)
    head, payload, signature = sign(pass_at(NOON), keys.signing(NOON)).split(".")
    kid = json.loads(urlsafe_b64decode(head + "=="))["kid"]
    (jwk,) = (jwk for jwk in keys.jwks(NOON)["keys"] if jwk["kid"] == kid)
    assert {**jwk, "x": ""} == {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": ""}
    public = Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(jwk["x"] + "="))
    public.verify(urlsafe_b64decode(signature + "=="), f"{head}.{payload}".encode())
    with pytest.raises(InvalidSignature):
        public.verify(urlsafe_b64decode(signature + "=="), f"{head}.{payload}x".encode())


def test_who_holds_only_the_jwks_checks_as_we_do(folder: Path) -> None:
    """It goes through JSON and back, and has the same keys in the same order."""
    keys = Keys.open(folder)
    keys.rotate(NOON)
    fetched = PublicKeys.from_jwks(json.loads(json.dumps(keys.jwks(NOON))))
    assert fetched.kids == keys.public(NOON).kids
    assert fetched.jwks() == keys.jwks(NOON)
    assert opens(sign(pass_at(NOON), keys.signing(NOON)), fetched, NOON)


def test_keys_of_other_kinds_are_passed_over(folder: Path) -> None:
    """A JWKS may hold what is for others."""
    ours = Keys.open(folder).jwks(NOON)["keys"]
    others = [
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "rsa", "use": "sig", "alg": "RS256"},
        {"kty": "oct", "k": "AQAB", "kid": "shared"},
        {**ours[0], "kid": "curve", "crv": "Ed448"},
        {**ours[0], "kid": "sealing", "use": "enc"},
        {**ours[0], "kid": ""},
    ]
    assert PublicKeys.from_jwks({"keys": [*others, *ours]}).kids == (ours[0]["kid"],)


@pytest.mark.parametrize(
    "jwks",
    [
        {},
        [],
        {"keys": []},
        {"keys": None},
        {"keys": [None]},
        {"keys": [{"kty": "RSA", "kid": "rsa"}]},
        {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "short", "x": "AAAA"}]},
        {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "no-base64", "x": "A"}]},
        {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "no-ascii", "x": "ü"}]},
        {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": 7, "x": "AAAA"}]},
    ],
)
def test_what_is_no_jwks_is_refused(jwks: Any) -> None:
    """Checking passes with no keys would refuse everybody, so it is not begun."""
    with pytest.raises(BadJwks):
        PublicKeys.from_jwks(jwks)


# ---------------------------------------------------------------------------------------------------- in secret


def secrets_of(path: Path) -> list[str]:
    """The private key in the forms in which it could show."""
    private = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(private, Ed25519PrivateKey)
    raw = private.private_bytes_raw()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return [raw.hex(), repr(raw)[2:-1], pem.splitlines()[1]]


def everything_about(error: BaseException) -> str:
    """Its traceback with all variables of all frames, but those of the test itself."""
    assert error.__traceback__ is not None
    within = error.with_traceback(error.__traceback__.tb_next)
    return "".join(traceback.TracebackException.from_exception(within, capture_locals=True).format())


def test_private_keys_show_nowhere(folder: Path) -> None:
    """Not when the keys are printed, in whatever way, and not in what is published."""
    keys = Keys.open(folder)
    key = keys.rotate(NOON)
    shown = [show(thing) for show in (repr, str, pretty_repr) for thing in (keys, key, keys.public(NOON))]
    shown += [json.dumps(keys.jwks(NOON)), sign(pass_at(NOON), key), pretty_repr(vars(keys))]
    for path in folder.glob("*.pem"):
        assert not [text for secret in secrets_of(path) for text in shown if secret in text]


@pytest.mark.parametrize("write_out", [msgspec.json.encode, msgspec.to_builtins, pickle.dumps, json.dumps])
def test_a_private_key_is_not_written_by_accident(folder: Path, write_out: Any) -> None:
    """To a message, a log or another process: there is no way to write it."""
    with pytest.raises(TypeError):
        write_out(Keys.open(folder).signing(NOON))


@pytest.mark.parametrize("harm", ["chmod", "rename", "cut", "no_head", "far_head", "another_kind"])
def test_a_file_that_is_not_as_it_should_be_is_refused(folder: Path, harm: str) -> None:
    """It is named, and nothing of its content is, be it in the traceback with all its variables."""
    Keys.open(folder)
    (path,) = folder.glob("*.pem")
    secrets, content = secrets_of(path), path.read_bytes()
    if harm == "chmod":
        path.chmod(0o640)
    elif harm == "rename":
        path = path.rename(folder / "another.pem")
    elif harm == "cut":
        path.write_bytes(content[:-20])
    elif harm == "no_head":
        path.write_bytes(content.partition(b"\n")[2])
    elif harm == "far_head":
        path.write_bytes(content.replace(b" 0\n", b" 999999999999999\n"))
    else:
        path.write_bytes(content.replace(b"MC4CAQAwBQYDK2Vw", b"MC4CAQAwBQYDK2Vu"))  # X25519, which cannot sign
    with pytest.raises(BadKeyFolder) as raised:
        Keys.open(folder)
    assert path.name in str(raised.value)
    told = everything_about(raised.value)
    assert "_read(path)" in told
    assert not [secret for secret in secrets if secret in told]


def test_a_folder_that_others_may_write_to_is_refused(folder: Path) -> None:
    """They could put a key of theirs there."""
    Keys.open(folder)
    folder.chmod(0o770)
    with pytest.raises(BadKeyFolder, match="chmod 700"):
        Keys.open(folder)


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """The place is named."""
    (tmp_path / "file").touch()
    with pytest.raises(BadKeyFolder, match=str(tmp_path / "file")):
        Keys.open(tmp_path / "file" / "keys")


def test_a_key_that_is_taken_away_while_we_look_is_gone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process sweeps what is over: that is no failure."""
    keys = Keys.open(folder)
    following = keys.rotate(NOON)
    gone = folder / f"{keys.signing(NOON).kid}.pem"
    listed = list(folder.iterdir())
    gone.unlink()
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(listed))
    assert isinstance(Keys.open(folder).signing(NOON), SigningKey)
    assert Keys.open(folder).signing(NOON).kid == following.kid
