"""The rules of API keys, each as given, when, then."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.access import ACCESS, AccessPolicy, IssueKey, KeyLine, ListKeys, RevokeKey, RotateKey, decide
from actors.decider import Decision, Refusal
from actors.specification import given
from events.access import Access, ApiKeyIssued, ApiKeyRevoked, ApiKeyRotated, Ended, take_in
from events.identity import KEY_ROLES, ROLES, hash_of_secret
from events.permissions import PERMISSIONS, PERMITTED

DAY_MS = 86_400_000
ONE, TWO, THREE = (hash_of_secret(secret) for secret in ("one", "two", "three"))
ISSUED = ApiKeyIssued("desk", "The desk", "service", (), ONE, None)
BRIEF = ApiKeyIssued("brief", "brief", "viewer", ("bookings.read",), TWO, 1_000)


def line(issued: ApiKeyIssued, at: int = 0, old_until: int = 0) -> KeyLine:
    return KeyLine(issued.id, issued.name, issued.role, issued.scopes, issued.expires_at, at, old_until)


class TestIssuing:
    def test_a_key_is_issued(self) -> None:
        """What is recorded has the hash; what is answered has none."""
        outcome = given(ACCESS).when(IssueKey("desk", ONE, "service", "The desk"), at=7)
        outcome.then(ISSUED).replies(line(ISSUED, 7)).wakes_at(None)

    def test_a_name_is_the_id_unless_said(self) -> None:
        """A key without a name goes by its id."""
        given(ACCESS).when(IssueKey("desk", ONE, "owner")).then(ApiKeyIssued("desk", "desk", "owner", (), ONE, None))

    def test_scopes_are_a_set(self) -> None:
        """They are recorded once each and in order, however they were said."""
        command = IssueKey("desk", ONE, "viewer", scopes=("streams.read", "audit.read", "streams.read"))
        issued = ApiKeyIssued("desk", "desk", "viewer", ("audit.read", "streams.read"), ONE, None)
        given(ACCESS).when(command).then(issued)
        given(ACCESS, issued).when(command).then_nothing(reply=line(issued))

    def test_the_same_again_changes_nothing(self) -> None:
        """Whoever issues a key twice, because no answer came, has issued one."""
        known = given(ACCESS, ISSUED, BRIEF)
        known.when(IssueKey("desk", ONE, "service", "The desk")).then_nothing(reply=line(ISSUED))
        brief = IssueKey("brief", TWO, "viewer", scopes=("bookings.read",), expires_at=1_000)
        known.when(brief, at=1_001).then_nothing(reply=line(BRIEF))

    @pytest.mark.parametrize(
        "other",
        [
            IssueKey("desk", TWO, "service", "The desk"),
            IssueKey("desk", ONE, "viewer", "The desk"),
            IssueKey("desk", ONE, "service", "Another desk"),
            IssueKey("desk", ONE, "service", "The desk", scopes=("bookings.read",)),
            IssueKey("desk", ONE, "service", "The desk", expires_at=9),
        ],
    )
    def test_an_id_is_one_keys(self, other: IssueKey) -> None:
        """Another key of the same id is refused, whatever it differs in."""
        given(ACCESS, ISSUED).when(other).then_refused("key_exists")

    def test_the_id_of_a_revoked_key_is_taken_for_good(self) -> None:
        """Even the very same key doesn't come back."""
        same = IssueKey("desk", ONE, "service", "The desk")
        given(ACCESS, ISSUED, ApiKeyRevoked("desk")).when(same).then_refused("key_exists")

    def test_a_key_that_was_rotated_is_not_the_one_that_was_issued(self) -> None:
        """A copy that comes later than a rotation doesn't bring the first secret back."""
        same = IssueKey("desk", ONE, "service", "The desk")
        given(ACCESS, ISSUED, ApiKeyRotated("desk", TWO, 9)).when(same).then_refused("key_exists")

    @pytest.mark.parametrize("id", ["", "Desk", "a.b", "a b", "-a", "a" * 65, "a\n", "ä"])
    def test_an_id_follows_the_grammar(self, id: str) -> None:
        """An id stands between dots in the key's text."""
        given(ACCESS).when(IssueKey(id, ONE, "service")).then_refused("bad_identifier")

    @pytest.mark.parametrize("name", [" ", "a\nb", "a\u202fb\x00", "n" * 201])
    def test_a_name_can_be_shown(self, name: str) -> None:
        """Blank, too long, or with what cannot be shown is refused."""
        given(ACCESS).when(IssueKey("desk", ONE, "service", name)).then_refused("bad_name")

    @pytest.mark.parametrize("role", ["", "session", "anonymous", "Owner", "owner ", "root"])
    def test_a_role_is_one_that_a_key_may_have(self, role: str) -> None:
        """A session's is a visitor's own."""
        given(ACCESS).when(IssueKey("desk", ONE, role)).then_refused("unknown_role")

    @pytest.mark.parametrize("role", KEY_ROLES)
    def test_every_role_but_a_sessions_may_be_a_keys(self, role: Any) -> None:
        """With any scope that it permits."""
        scopes = tuple(sorted(PERMITTED[role]))
        command = IssueKey("desk", ONE, role, scopes=scopes)
        given(ACCESS).when(command).then(ApiKeyIssued("desk", "desk", role, scopes, ONE, None))

    @pytest.mark.parametrize("scope", ["", "bookings", "bookings.*", "BOOKINGS.READ", "keys.manage "])
    def test_a_scope_is_a_permission(self, scope: str) -> None:
        """There are no patterns of them."""
        command = IssueKey("desk", ONE, "owner", scopes=("bookings.read", scope))
        given(ACCESS).when(command).then_refused("unknown_scope")

    @pytest.mark.parametrize("role", [role for role in KEY_ROLES if role != "owner"])
    def test_a_scope_narrows(self, role: Any) -> None:
        """What the role doesn't permit can be in no scope of it."""
        for permission in PERMISSIONS.keys() - PERMITTED[role]:
            command = IssueKey("desk", ONE, role, scopes=(permission,))
            given(ACCESS).when(command).then_refused("scope_not_permitted")

    @pytest.mark.parametrize("said", ["", "one", ONE.upper(), ONE[:-1], ONE + "0", ONE[:-1] + "\n", ONE[:-1] + "٣"])
    def test_a_hash_is_one(self, said: str) -> None:
        """Sixty-four digits in lower case: a secret that is said by mistake is not written down."""
        given(ACCESS).when(IssueKey("desk", said, "service")).then_refused("bad_hash")
        given(ACCESS, ISSUED).when(RotateKey("desk", said)).then_refused("bad_hash")

    def test_a_key_expires_later_than_it_is_issued(self) -> None:
        """And not in another age."""
        longest = 100 * 1_000
        policy = AccessPolicy(key_life_s_max=100)
        for expires_at, fits in ((6, False), (7, False), (8, True), (7 + longest, True), (8 + longest, False)):
            command = IssueKey("desk", ONE, "service", expires_at=expires_at)
            outcome = given(ACCESS, at=7).when(command, policy=policy)
            if fits:
                outcome.then(ApiKeyIssued("desk", "desk", "service", (), ONE, expires_at))
            else:
                outcome.then_refused("bad_expiry")


class TestHowMany:
    def test_living_keys_are_bounded(self) -> None:
        """One that is revoked makes room."""
        policy = AccessPolicy(keys_max=1)
        known = given(ACCESS, ISSUED)
        known.when(IssueKey("new", TWO, "viewer"), policy=policy).then_refused("too_many_keys")
        issued = ApiKeyIssued("new", "new", "viewer", (), TWO, None)
        known.given(ApiKeyRevoked("desk"), at=1).when(IssueKey("new", TWO, "viewer"), policy=policy).then(issued)

    def test_a_key_that_has_expired_makes_room(self) -> None:
        """Through its last instant it stands, and behind it nobody has to take it away."""
        policy = AccessPolicy(keys_max=1)
        command = IssueKey("new", TWO, "viewer")
        known = given(ACCESS, BRIEF)
        known.when(command, at=1_000, policy=policy).then_refused("too_many_keys")
        issued = ApiKeyIssued("new", "new", "viewer", (), TWO, None)
        known.when(command, at=1_001, policy=policy).then(issued)
        state = known.given(issued, at=1_001).state()
        assert (list(state.keys), state.ended) == (["new"], {"brief": Ended(1_000, "expired")})

    def test_ids_are_bounded_for_good(self) -> None:
        """What is remembered of keys that are over doesn't grow without end."""
        policy = AccessPolicy(key_ids_max=2)
        over = given(ACCESS, ISSUED, ApiKeyRevoked("desk"), BRIEF)
        over.when(IssueKey("new", TWO, "viewer"), policy=policy).then_refused("key_ids_used_up")
        over.when(RotateKey("brief", THREE, 1), policy=policy).then(ApiKeyRotated("brief", THREE, 1_000))

    def test_a_full_house_fits_on_the_shelf(self) -> None:
        """With as many keys as there may be, of the longest names, and as many ids that are over."""
        policy, access, scopes = AccessPolicy(), Access(), tuple(sorted(PERMISSIONS))
        for number in range(policy.key_ids_max):
            id = f"{number:064}"
            access = take_in(access, ApiKeyIssued(id, "ü" * 200, "owner", scopes, ONE, None), 2**50)
            if number < policy.key_ids_max - policy.keys_max:
                access = take_in(access, ApiKeyRevoked(id), 2**50)
            else:
                access = take_in(access, ApiKeyRotated(id, TWO, 2**50), 2**50)
        assert len(msgspec.json.encode(access)) < 2 << 20
        again = decide(access, IssueKey("more", ONE, "owner"), 0, policy)
        assert isinstance(again, Refusal) and again.code == "too_many_keys"


class TestRotating:
    def test_the_old_secret_is_good_for_a_while(self) -> None:
        """A day, unless said."""
        known = given(ACCESS, ISSUED, at=5)
        known.when(RotateKey("desk", TWO)).then(ApiKeyRotated("desk", TWO, 5 + DAY_MS)).replies(
            line(ISSUED, 5, 5 + DAY_MS)
        )
        known.when(RotateKey("desk", TWO, 0)).then(ApiKeyRotated("desk", TWO, 5))

    def test_both_secrets_open_and_then_one(self) -> None:
        """The old one through its last instant, and neither of them says the other."""
        key = given(ACCESS, ISSUED).given(ApiKeyRotated("desk", TWO, 10), at=4).state().keys["desk"]
        assert [key.opened_by(secret, 10) for secret in (ONE, TWO, THREE, "")] == [True, True, False, False]
        assert [key.opened_by(secret, 11) for secret in (ONE, TWO, THREE, "")] == [False, True, False, False]

    def test_a_key_has_one_old_secret(self) -> None:
        """With the next rotation, the secret before the last is over at once."""
        twice = given(ACCESS, ISSUED).given(ApiKeyRotated("desk", TWO, 100), ApiKeyRotated("desk", THREE, 100), at=4)
        key = twice.state().keys["desk"]
        assert [key.opened_by(secret, 5) for secret in (ONE, TWO, THREE)] == [False, True, True]

    def test_the_same_again_changes_nothing(self) -> None:
        """The overlap isn't prolonged by asking again."""
        rotated = given(ACCESS, ISSUED).given(ApiKeyRotated("desk", TWO, 10), at=4)
        rotated.when(RotateKey("desk", TWO), at=9).then_nothing(reply=line(ISSUED, 0, 10))

    def test_a_secret_doesnt_come_back(self) -> None:
        """The one before the last rotation isn't taken for a new one."""
        rotated = given(ACCESS, ISSUED).given(ApiKeyRotated("desk", TWO, 10), at=4)
        rotated.when(RotateKey("desk", ONE)).then_refused("hash_used")

    @pytest.mark.parametrize("overlap_s", [-1, 7 * 86_400 + 1])
    def test_an_overlap_is_bounded(self, overlap_s: int) -> None:
        """A week at most."""
        given(ACCESS, ISSUED).when(RotateKey("desk", TWO, overlap_s)).then_refused("bad_overlap")
        longest = ApiKeyRotated("desk", TWO, 7 * DAY_MS)
        given(ACCESS, ISSUED).when(RotateKey("desk", TWO, 7 * 86_400)).then(longest)

    def test_what_is_over_gets_no_other_secret(self) -> None:
        """Revoked, expired and known, expired and put away, or never there."""
        given(ACCESS, ISSUED, ApiKeyRevoked("desk")).when(RotateKey("desk", TWO)).then_refused("key_revoked")
        expired = given(ACCESS, BRIEF)
        expired.when(RotateKey("brief", ONE), at=1_001).then_refused("key_expired")
        expired.given(ISSUED, at=1_001).when(RotateKey("brief", ONE)).then_refused("key_expired")
        given(ACCESS).when(RotateKey("desk", TWO)).then_refused("unknown_key")

    def test_rotating_prolongs_no_life(self) -> None:
        """A key expires when it does, whichever secret it has."""
        key = given(ACCESS, BRIEF).given(ApiKeyRotated("brief", THREE, 2_000), at=1).state().keys["brief"]
        assert [key.opened_by(secret, 1_000) for secret in (TWO, THREE)] == [True, True]
        assert [key.opened_by(secret, 1_001) for secret in (TWO, THREE)] == [False, False]


class TestRevoking:
    def test_a_key_is_revoked(self) -> None:
        """Once; asking again is accepted."""
        known = given(ACCESS, ISSUED)
        known.when(RevokeKey("desk"), at=3).then(ApiKeyRevoked("desk")).replies({"id": "desk"})
        revoked = known.given(ApiKeyRevoked("desk"), at=3)
        revoked.when(RevokeKey("desk")).then_nothing(reply={"id": "desk"})
        assert (revoked.state().keys, revoked.state().ended) == ({}, {"desk": Ended(3, "revoked")})

    def test_what_has_expired_can_be_revoked(self) -> None:
        """It is over either way."""
        expired = given(ACCESS, BRIEF)
        expired.when(RevokeKey("brief"), at=1_001).then(ApiKeyRevoked("brief"))
        expired.given(ISSUED, at=1_001).when(RevokeKey("brief")).then_nothing()

    def test_what_was_never_there_is_not_revoked(self) -> None:
        """A mistyped id is told to be one."""
        given(ACCESS, ISSUED).when(RevokeKey("desc")).then_refused("unknown_key")


class TestListing:
    def test_keys_are_listed_in_order(self) -> None:
        """Without hashes, and without those that are over unless they are asked for."""
        gone = ApiKeyIssued("gone", "gone", "viewer", (), THREE, None)
        known = given(ACCESS, ISSUED, BRIEF, gone).given(ApiKeyRevoked("gone"), at=4)
        known.when(ListKeys()).then_nothing(reply={"keys": [line(BRIEF), line(ISSUED)], "ended": {}})
        ended = {"gone": Ended(4, "revoked")}
        known.when(ListKeys(ended=True)).then_nothing(reply={"keys": [line(BRIEF), line(ISSUED)], "ended": ended})

    def test_a_list_comes_in_pages(self) -> None:
        """Each behind the last id of the one before, over both kinds of keys."""
        gone = ApiKeyIssued("cut", "cut", "viewer", (), THREE, None)
        known = given(ACCESS, ISSUED, BRIEF, gone).given(ApiKeyRevoked("cut"), at=4)
        first = {"keys": [line(BRIEF)], "ended": {"cut": Ended(4, "revoked")}}
        known.when(ListKeys(ended=True, most=2)).then_nothing(reply=first)
        known.when(ListKeys(ended=True, after="cut", most=2)).then_nothing(reply={"keys": [line(ISSUED)], "ended": {}})
        known.when(ListKeys(most=1)).then_nothing(reply={"keys": [line(BRIEF)], "ended": {}})

    def test_no_answer_has_a_hash(self) -> None:
        """Whoever may list keys needs none of them."""
        access = given(ACCESS, ISSUED, ApiKeyRotated("desk", TWO, 9)).state()
        for command in (ListKeys(ended=True), RotateKey("desk", TWO), RotateKey("desk", THREE)):
            decision = decide(access, command, 0, AccessPolicy())
            assert isinstance(decision, Decision)
            said = msgspec.json.encode(decision.reply).decode()
            assert not any(one in said for one in (ONE, TWO, THREE))


def test_the_roles_of_keys_are_all_but_a_sessions() -> None:
    """The two lists cannot drift apart."""
    assert set(KEY_ROLES) == set(ROLES) - {"session"}
