"""Keys and issuers by hand, on a real stack: every command a process of its own."""

from __future__ import annotations

from pathlib import Path

from events.identity import api_key_of
from tests.support.by_hand import ByHand
from tests.support.stack import tidegate, up

PROCESS = ("--runtime", "process", "--set", "org=mine", "--hosts", "1")
MINE = ("--set", "org=mine")
KEY, ISSUER = ByHand("key", *MINE), ByHand("issuer", *MINE)


def contents(folder: Path) -> list[bytes]:
    """Of every file in it: the log's, the shelf's, what the stack said."""
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


async def test_a_key_lives_and_ends_and_is_written_nowhere(tmp_path: Path) -> None:
    """Issue it, rotate it, revoke it: the read models know its hashes, and no file has a secret."""
    async with up(tmp_path, *PROCESS):
        made = api_key_of((await KEY.accepted(tmp_path, "create", "--id", "desk", "--role", "operator"))["key"])
        assert made is not None and made.org == "mine"
        rotated = await KEY.accepted(tmp_path, "rotate", "desk", "--overlap", "1h")
        new = api_key_of(rotated["key"])
        assert new is not None
        asked = await tidegate(tmp_path, "ask", "access", f"at_least={rotated['sequence']}", *MINE, "--json")
        (key,) = asked.data["keys"]
        assert (key["id"], key["hash"], key["old_hash"]) == ("desk", new.hash, made.hash)
        put = ("put", "staff", "--url", "https://a.example", "--audience", "b", "--jwks", "https://a.example/jwks")
        assert (await ISSUER.error(tmp_path, *put))["code"] == "no_roles"
        await ISSUER.accepted(tmp_path, *put, "--default-role", "viewer")
        assert [one["id"] for one in await ISSUER.accepted(tmp_path, "list")] == ["staff"]
        revoked = await KEY.accepted(tmp_path, "revoke", "desk")
        asked = await tidegate(tmp_path, "ask", "access", f"at_least={revoked['sequence']}", *MINE, "--json")
        assert (asked.data["keys"], [one["id"] for one in asked.data["issuers"]]) == ([], ["staff"])
        assert (await KEY.error(tmp_path, "create", "--id", "desk"))["code"] == "key_exists"
        assert (await tidegate(tmp_path, "log", "verify", "--json")).data["sound"]
    written = contents(tmp_path)
    assert any(new.hash.encode() in content for content in written)
    assert not any(secret.encode() in content for content in written for secret in (made.secret, new.secret))
