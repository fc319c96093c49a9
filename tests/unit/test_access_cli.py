"""How keys and issuers are typed: what is drawn, what leaves the program, and what is told of a refusal."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner, Result

from actors.access import ACCESS
from actors.decider import Command, Refusal
from actors.runtime.wire import Accepted, encode_command
from events.access import Access, access_actor
from events.clock import system_clock
from events.errors import UnknownOutcome
from events.identity import api_key_of, hash_of_secret
from tidegate import asking, logs
from tidegate.cli import app
from tidegate.cli.access import issuer_app, key_app
from tidegate.cli.access.common import BadAccess, seconds_from
from tidegate.cli.access.issuers import roles_from
from tidegate.refused import Refused

STAFF = (
    "put", "staff", "--url", "https://login.example.com", "--audience", "tidegate", "--jwks",
    "https://login.example.com/jwks",
)  # fmt: skip


class Judge:
    """The access of the organisation, decided here and now. `sent` is all that has left the program."""

    def __init__(self) -> None:
        self.org = "demo"
        self.access = Access()
        self.sequence = 0
        self.sent: list[bytes] = []
        self.lost = False

    async def ask(self, actor: str, command: Command) -> Accepted:
        assert actor == access_actor(self.org)
        self.sent.append(encode_command(command))
        at = system_clock()
        decision = ACCESS.decide(self.access, ACCESS.read_command(self.sent[-1]), at, ACCESS.policy)
        if self.lost:
            raise UnknownOutcome("no answer came")
        if isinstance(decision, Refusal):
            raise Refused(decision)
        for fact in decision.facts:
            self.access = ACCESS.evolve(self.access, fact, at)
        self.sequence += len(decision.facts)
        reply = msgspec.json.decode(msgspec.json.encode(decision.reply))
        return Accepted(reply, self.sequence if decision.facts else 0)


@pytest.fixture
def judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "setup", lambda *_: None)
    monkeypatch.setenv("COLUMNS", "200")
    judge = Judge()

    @asynccontextmanager
    async def opened(_settings: Any) -> AsyncIterator[Judge]:
        yield judge

    monkeypatch.setattr(asking, "opened", opened)
    return judge


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments])


def accepted(*arguments: str) -> Any:
    ran = run(*arguments, "--json")
    assert ran.exit_code == 0, ran.stderr
    return json.loads(ran.stdout)


def refused(*arguments: str) -> dict[str, str]:
    ran = run(*arguments, "--json")
    assert ran.exit_code == 1, ran.stdout
    error: dict[str, str] = json.loads(ran.stderr)["error"]
    return error


class TestKeys:
    def test_a_key_is_printed_and_only_its_hash_is_sent(self, judge: Judge) -> None:
        """It opens what was issued, and its last line can be copied."""
        ran = run("key", "create", "--role", "operator", "--name", "The box office")
        assert ran.exit_code == 0, ran.stderr
        key = api_key_of(ran.stdout.splitlines()[-1])
        assert key is not None and key.org == "demo"
        issued = judge.access.keys[key.id]
        assert (issued.name, issued.role, issued.scopes, issued.expires_at) == ("The box office", "operator", (), None)
        assert issued.opened_by(hash_of_secret(key.secret), system_clock())
        assert ran.stdout.count(key.secret) == 1
        assert not any(key.secret.encode() in sent for sent in judge.sent)

    def test_a_key_is_as_it_was_asked_for(self, judge: Judge) -> None:
        """Its scopes, its id, and how long it lives."""
        before = system_clock()
        words = ("--role", "viewer", "--scope", "streams.read", "--scope", "bookings.read", "--expires", "30d")
        made = accepted("key", "create", "--id", "board", *words)
        key = judge.access.keys["board"]
        assert (made["id"], made["role"], made["scopes"]) == ("board", "viewer", ["bookings.read", "streams.read"])
        assert key.expires_at is not None
        assert before <= key.expires_at - 30 * 86_400_000 <= system_clock()
        assert made["key"].startswith("tg.demo.board.") and made["expires_at"].endswith("Z")

    def test_two_keys_are_two(self, judge: Judge) -> None:
        """Ids and secrets are drawn anew each time."""
        one, other = (api_key_of(accepted("key", "create")["key"]) for _ in range(2))
        assert one is not None and other is not None
        assert one.id != other.id and one.secret != other.secret
        assert {key.role for key in judge.access.keys.values()} == {"service"}

    def test_a_key_is_rotated(self, judge: Judge) -> None:
        """Both are good for so long, and the new one is printed once."""
        old = api_key_of(accepted("key", "create", "--id", "desk")["key"])
        ran = run("key", "rotate", "desk", "--overlap", "1h")
        new = api_key_of(ran.stdout.splitlines()[-1])
        assert old is not None and new is not None
        key, now = judge.access.keys["desk"], system_clock()
        assert key.opened_by(old.hash, now) and key.opened_by(new.hash, now + 2 * 3_600_000)
        assert not key.opened_by(old.hash, now + 2 * 3_600_000)
        assert refused("key", "rotate", "desk", "--overlap", "8d")["code"] == "bad_overlap"

    def test_a_key_is_revoked_and_listed_as_over(self, judge: Judge) -> None:
        """Once; and no list has what opens anything."""
        made = accepted("key", "create", "--id", "desk", "--name", "The desk")
        accepted("key", "create", "--id", "brief", "--expires", "1s")
        assert [(one["id"], one["state"]) for one in accepted("key", "list")] == [("brief", "good"), ("desk", "good")]
        assert "The desk" in run("key", "list").stdout
        assert run("key", "revoke", "desk").stdout.startswith("revoked: desk")
        assert run("key", "revoke", "desk").stdout.startswith("it was over already: desk")
        listed = run("key", "list", "--ended", "--json").stdout
        assert [(one["id"], one["state"]) for one in json.loads(listed)][-1] == ("desk", "revoked")
        assert "revoked" in run("key", "list", "--ended").stdout
        assert made["key"].split(".")[-1] not in listed and hash_of_secret(made["key"].split(".")[-1]) not in listed

    def test_an_empty_list_says_what_to_do(self, judge: Judge) -> None:
        """Of either kind."""
        assert "tidegate key create" in run("key", "list").stdout
        assert "tidegate issuer put" in run("issuer", "list").stdout
        assert (accepted("key", "list"), accepted("issuer", "list")) == ([], [])

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            (("create", "--role", "viewer", "--scope", "keys.manage"), "scope_not_permitted", "--role"),
            (("create", "--scope", "bookings"), "unknown_scope", "bookings.manage, "),
            (("create", "--id", "desk"), "key_exists", "--id"),
            (("rotate", "none"), "unknown_key", "tidegate key list"),
            (("rotate", "over"), "key_revoked", "tidegate key create"),
            (("revoke", "none"), "unknown_key", "tidegate key list"),
            (("create", "--expires", "soon"), "bad_access", "--help"),
            (("rotate", "desk", "--overlap", "-1"), "bad_access", "--help"),
        ],
    )
    def test_a_refusal_says_what_to_do_next(
        self, judge: Judge, arguments: tuple[str, ...], code: str, says: str
    ) -> None:
        """In words of keys, not of bookings."""
        accepted("key", "create", "--id", "desk")
        accepted("key", "create", "--id", "over")
        accepted("key", "revoke", "over")
        error = refused("key", *arguments)
        assert (error["code"], says in error["next_step"]) == (code, True)
        assert "booking slots" not in error["next_step"]

    def test_an_id_that_cannot_be_is_sent_to_nobody(self, judge: Judge) -> None:
        """It would make a key that nobody can read."""
        assert run("key", "create", "--id", "a.b").exit_code == 2
        assert run("key", "create", "--role", "session").exit_code == 2
        assert judge.sent == []

    def test_a_key_that_may_have_been_issued_is_best_revoked(self, judge: Judge) -> None:
        """Nobody has been told its secret."""
        judge.lost = True
        error = refused("key", "create")
        assert (error["code"], "revoked" in error["next_step"]) == ("unknown_outcome", True)


class TestIssuers:
    def test_an_issuer_is_put_listed_and_removed(self, judge: Judge) -> None:
        """All that was said of it, and whose default is left out."""
        put = accepted(
            "issuer", *STAFF, "--claim", "realm_access", "--claim", "roles", "--role", "admin=owner",
            "--role", "cn=desk=operator", "--default-role", "viewer", "--algorithm", "ES256",
        )  # fmt: skip
        assert (put["roles_claim"], put["algorithms"]) == (["realm_access", "roles"], ["ES256"])
        assert (put["roles"], put["default_role"]) == ({"admin": "owner", "cn=desk": "operator"}, "viewer")
        assert list(judge.access.issuers) == ["staff"]
        shown = run("issuer", "list").stdout
        assert "realm_access › roles: admin is owner; cn=desk is operator; otherwise viewer" in shown
        assert [one["id"] for one in accepted("issuer", "list")] == ["staff"]
        again = accepted("issuer", *STAFF, "--default-role", "session")
        assert (again["roles"], again["roles_claim"], again["algorithms"]) == ({}, ["roles"], ["RS256"])
        assert run("issuer", "remove", "staff").stdout.startswith("no longer believed: staff")
        assert refused("issuer", "remove", "staff")["next_step"] == "`tidegate issuer list` shows what there is"

    def test_an_issuer_may_say_itself_where_its_keys_are(self, judge: Judge) -> None:
        """Then nobody types it."""
        put = accepted("issuer", *STAFF[: STAFF.index("--jwks")], "--default-role", "viewer")
        assert put["jwks_url"] == judge.access.issuers["staff"].jwks_url == ""

    @pytest.mark.parametrize(
        ("more", "code"),
        [
            ((), "no_roles"),
            (("--role", "admin"), "bad_access"),
            (("--role", "admin=owner", "--role", "admin=viewer"), "bad_access"),
            (("--role", "admin=root"), "unknown_role"),
            (("--role", "admin=owner", "--algorithm", "none"), "bad_algorithm"),
            (("--role", "admin=owner", "--jwks", "http://login.example.com"), "bad_issuer"),
        ],
    )
    def test_what_is_not_believed_is_refused(self, judge: Judge, more: tuple[str, ...], code: str) -> None:
        """By its rule, and nothing has changed."""
        assert refused("issuer", *STAFF, *more)["code"] == code
        assert judge.access.issuers == {}


def test_a_role_is_behind_the_last_sign() -> None:
    """The value before it is the issuer's business."""
    assert roles_from(["a=owner", "b=c=viewer", "=session"]) == {"a": "owner", "b=c": "viewer", "": "session"}
    with pytest.raises(BadAccess):
        roles_from(["owner"])


def test_a_span_is_typed_as_everywhere() -> None:
    """And what is none says how it is written."""
    assert [seconds_from("--expires", text) for text in ("30d", "12h", "0")] == [2_592_000, 43_200, 0]
    with pytest.raises(BadAccess, match="1h30m"):
        seconds_from("--expires", "soon")


def test_where_nothing_runs_everybody_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a key is printed that opens nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "setup", lambda *_: None)
    ran = run("key", "create")
    assert (ran.exit_code, ran.stdout) == (1, "") and "error[nothing_runs]" in ran.stderr


COMMANDS = [
    (f"{group} {name}", command)
    for group, group_app in (("key", key_app), ("issuer", issuer_app))
    for name, command in vars(typer.main.get_command(group_app))["commands"].items()
]


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_every_command_has_an_example_that_names_it(name: str, command: Any) -> None:
    """And the options that it shows exist."""
    examples = [part for part in (command.help or "").split("\n\n") if f"tidegate {name}" in part]
    assert examples
    known = {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", " ".join(examples))) <= known
