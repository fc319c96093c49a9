"""Who may do what is one table, and a scope takes from it."""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from events.identity import ROLES, Role
from events.permissions import PERMISSIONS, PERMITTED, STANDINGS, Permission, permission_named, permitted


def test_the_table_is_whole() -> None:
    """Each permission and each role is there once, with a sentence that ends."""
    assert list(PERMISSIONS) == list(get_args(Permission))
    assert set(ROLES) == set(get_args(Role)) and set(STANDINGS) == {"anonymous", *ROLES} == set(PERMITTED)
    for sentence in (*PERMISSIONS.values(), *STANDINGS.values()):
        assert sentence[0].isupper() and sentence.endswith(".") and sentence.isprintable()


def test_the_table_is_as_it_was_agreed() -> None:
    """What each role has beyond those that it grows out of."""
    public = {"catalog.read", "slots.read", "rooms.read", "passes.check", "streams.read"}
    visitor = public | {"holds.write", "bookings.book", "standby.write", "tickets.join"}
    viewer = public | {"bookings.read", "numbers.read", "audit.read"}
    service = visitor | viewer | {"bookings.manage", "tickets.manage"}
    operator = service | {"catalog.write", "rooms.write", "rooms.run"}
    owner = operator | {"keys.manage", "webhooks.manage"}
    assert dict(PERMITTED) == {
        "anonymous": public, "session": visitor, "viewer": viewer, "service": service, "operator": operator,
        "owner": owner,
    }  # fmt: skip
    assert owner == set(PERMISSIONS)


def test_the_strongest_role_comes_first() -> None:
    """No role permits everything that one before it does, and more."""
    for place, role in enumerate(ROLES):
        assert not any(PERMITTED[role] > PERMITTED[before] for before in ROLES[:place])


@given(st.sampled_from(["anonymous", *ROLES]), st.lists(st.sampled_from([*PERMISSIONS, "no.such", ""])))
def test_a_scope_narrows_and_never_widens(standing: Any, scopes: list[str]) -> None:
    """To what it names of what the role permits; what anybody may is left to everybody."""
    narrowed = permitted(standing, scopes)
    if scopes:
        assert narrowed == (PERMITTED[standing] & set(scopes)) | PERMITTED["anonymous"]
    else:
        assert narrowed == PERMITTED[standing]
    assert permitted(standing, tuple(scopes)) == permitted(standing, frozenset(scopes)) == narrowed


def test_a_permission_is_named_to_the_letter() -> None:
    """There are no patterns and no other spellings."""
    assert all(permission_named(one) == one for one in PERMISSIONS)
    assert [permission_named(text) for text in ("", "catalog", "catalog.*", "Catalog.read", "catalog.read ")] == [
        None
    ] * 5
