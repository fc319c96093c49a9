"""The rules of token issuers, each as given, when, then; and which role a token gives."""

from __future__ import annotations

from typing import Any

import pytest

from actors.access import ACCESS, AccessPolicy, ListIssuers, PutIssuer, RemoveIssuer
from actors.specification import given
from events.access import ALGORITHMS, Issuer, IssuerPut, IssuerRemoved

URL, JWKS = "https://login.example.com/realms/a", "https://login.example.com/jwks"
STAFF = Issuer("staff", URL, "tidegate", JWKS, ("realm_access", "roles"), {"admin": "owner", "desk": "viewer"})


def put(**changed: Any) -> PutIssuer:
    said: dict[str, Any] = {
        "id": "staff", "url": URL, "audience": "tidegate", "jwks_url": JWKS,
        "roles_claim": ("realm_access", "roles"), "roles": {"admin": "owner", "desk": "viewer"},
    }  # fmt: skip
    return PutIssuer(**said | changed)


class TestPutting:
    def test_an_issuer_is_put(self) -> None:
        """And given back as it is believed."""
        given(ACCESS).when(put()).then(IssuerPut(STAFF)).replies(STAFF).wakes_at(None)

    def test_the_same_again_changes_nothing(self) -> None:
        """In whatever order its algorithms are said."""
        given(ACCESS, IssuerPut(STAFF)).when(put()).then_nothing(reply=STAFF)
        both = Issuer("staff", URL, "tidegate", JWKS, default_role="session", algorithms=("RS256", "EdDSA"))
        command = PutIssuer("staff", URL, "tidegate", JWKS, default_role="session", algorithms=("EdDSA", "RS256"))
        given(ACCESS).when(command).then(IssuerPut(both))
        given(ACCESS, IssuerPut(both)).when(command).then_nothing(reply=both)

    def test_a_change_is_recorded_whole(self) -> None:
        """What isn't said has its default again."""
        plain = Issuer("staff", URL, "tidegate", JWKS, default_role="viewer")
        changed = PutIssuer("staff", URL, "tidegate", JWKS, default_role="viewer")
        given(ACCESS, IssuerPut(STAFF)).when(changed).then(IssuerPut(plain)).replies(plain)

    @pytest.mark.parametrize(
        "url",
        [
            "https://a",
            "https://a.b-c.example",
            "https://login.example.com:8443/x/y%20z",
            "https://login.example.com/",
            "https://192.0.2.7",
            "https://[2001:db8::1]:443/x",
            "https://xn--bcher-kva.example",
            "http://localhost",
            "http://localhost:8080/realms/a",
            "http://127.0.0.1:1",
            "http://127.9.9.9",
            "http://[::1]:8080",
        ],
    )
    def test_an_address_is_https_or_of_this_machine(self, url: str) -> None:
        """It is kept to the letter, as tokens say it."""
        issued = Issuer("staff", url, "tidegate", url, STAFF.roles_claim, STAFF.roles)
        given(ACCESS).when(put(url=url, jwks_url=url)).then(IssuerPut(issued))

    @pytest.mark.parametrize(
        "url",
        [
            "login.example.com",
            "//login.example.com",
            "https:login.example.com",
            "https://",
            "https:///x",
            "https://:443",
            "https://a:",
            "https://a:0",
            "https://a:65536",
            "https://a:x",
            "https://a..b",
            "https://-a.example",
            "https://a-.example",
            "https://a_b.example",
            "https://127.1",
            "https://2130706433",
            "https://0x7f000001",
            "https://[::1",
            "https://[::1%25eth0]",
            "https://" + "a" * 64,
            "https://" + "a." * 127 + "a",
            "https://user@login.example.com",
            "https://user:word@login.example.com",
            "https://login.example.com#x",
            "https://login.example.com#",
            "https://login.example.com\\@evil.example",
            "https://login.example.com/\n",
            "ht\ttps://login.example.com",
            "https://login.example.com/ x",
            "https://löschen.example",
            "http://login.example.com",
            "http://10.0.0.1",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "http://[::ffff:10.0.0.1]",
            "ftp://login.example.com",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://login.example.com/" + "x" * 2_000,
        ],
    )
    def test_no_other_address_is_believed(self, url: str) -> None:
        """Whoever can change what comes from there can sign tokens; and what can be read in two ways is no address."""
        given(ACCESS).when(put(url=url)).then_refused("bad_issuer")
        given(ACCESS).when(put(jwks_url=url)).then_refused("bad_issuer")

    def test_keys_may_be_where_the_issuer_says(self) -> None:
        """Then nothing is said of it here; who the issuer is has to be said in any case."""
        issuer = Issuer("staff", URL, "tidegate", "", STAFF.roles_claim, STAFF.roles)
        given(ACCESS).when(put(jwks_url="")).then(IssuerPut(issuer)).replies(issuer)
        given(ACCESS, IssuerPut(STAFF)).when(put(jwks_url="")).then(IssuerPut(issuer))
        given(ACCESS).when(put(url="", jwks_url="")).then_refused("bad_issuer")

    def test_keys_may_be_behind_a_query(self) -> None:
        """What a token says in `iss` has none."""
        asked = "https://login.example.com/keys?p=a"
        given(ACCESS).when(put(url=asked)).then_refused("bad_issuer")
        issuer = Issuer("staff", URL, "tidegate", asked, STAFF.roles_claim, STAFF.roles)
        given(ACCESS).when(put(jwks_url=asked)).then(IssuerPut(issuer))

    @pytest.mark.parametrize(
        ("changed", "code"),
        [
            ({"id": "Staff"}, "bad_identifier"),
            ({"audience": ""}, "bad_audience"),
            ({"audience": "a\x00"}, "bad_audience"),
            ({"audience": "a" * 501}, "bad_audience"),
            ({"roles_claim": ()}, "bad_claim"),
            ({"roles_claim": ("a",) * 9}, "bad_claim"),
            ({"roles_claim": ("a", "")}, "bad_claim"),
            ({"roles_claim": ("a" * 201,)}, "bad_claim"),
            ({"roles": {" ": "viewer"}}, "bad_claim"),
            ({"roles": {}}, "no_roles"),
            ({"roles": {f"v{number}": "viewer" for number in range(101)}}, "too_many_roles"),
            ({"roles": {"admin": "root"}}, "unknown_role"),
            ({"roles": {"admin": "anonymous"}}, "unknown_role"),
            ({"default_role": "anonymous"}, "unknown_role"),
            ({"algorithms": ()}, "bad_algorithm"),
            ({"algorithms": ("RS256", "RS256")}, "bad_algorithm"),
        ],
    )
    def test_what_doesnt_fit_is_refused(self, changed: dict[str, Any], code: str) -> None:
        """Each by the rule that stands against it."""
        given(ACCESS).when(put(**changed)).then_refused(code)

    @pytest.mark.parametrize("algorithm", ["none", "None", "", "HS256", "HS512", "RS512", "rs256", "ES256K", "RSA1_5"])
    def test_algorithms_are_pinned(self, algorithm: str) -> None:
        """Nothing that goes without a key, or by one that both sides have."""
        given(ACCESS).when(put(algorithms=("RS256", algorithm))).then_refused("bad_algorithm")

    def test_every_pinned_algorithm_may_be_used(self) -> None:
        """Any of them, and all together."""
        issuer = Issuer("staff", URL, "tidegate", JWKS, STAFF.roles_claim, STAFF.roles, algorithms=ALGORITHMS)
        given(ACCESS).when(put(algorithms=ALGORITHMS)).then(IssuerPut(issuer))

    def test_a_token_is_of_one_issuer(self) -> None:
        """Two with the same url and audience could say two things of it."""
        known = given(ACCESS, IssuerPut(STAFF))
        known.when(put(id="again")).then_refused("issuer_exists")
        other = Issuer("other", URL, "another", JWKS, STAFF.roles_claim, STAFF.roles)
        known.when(put(id="other", audience="another")).then(IssuerPut(other))

    def test_issuers_are_bounded(self) -> None:
        """Those that are there can still be changed; one that goes makes room."""
        policy = AccessPolicy(issuers_max=1)
        known = given(ACCESS, IssuerPut(STAFF))
        more = put(id="other", audience="another")
        known.when(more, policy=policy).then_refused("too_many_issuers")
        known.when(put(audience="another"), policy=policy).then(
            IssuerPut(Issuer("staff", URL, "another", JWKS, STAFF.roles_claim, STAFF.roles))
        )
        known.given(IssuerRemoved("staff"), at=1).when(more, policy=policy).then(
            IssuerPut(Issuer("other", URL, "another", JWKS, STAFF.roles_claim, STAFF.roles))
        )


class TestRemovingAndListing:
    def test_an_issuer_is_removed(self) -> None:
        """One that isn't there is not."""
        given(ACCESS, IssuerPut(STAFF)).when(RemoveIssuer("staff")).then(IssuerRemoved("staff")).replies(
            {"id": "staff"}
        )
        given(ACCESS).when(RemoveIssuer("staff")).then_refused("unknown_issuer")
        given(ACCESS, IssuerPut(STAFF), IssuerRemoved("staff")).when(RemoveIssuer("staff")).then_refused(
            "unknown_issuer"
        )

    def test_issuers_are_listed_in_order(self) -> None:
        """All that is said of them."""
        other = Issuer("other", URL, "another", JWKS, default_role="session")
        known = given(ACCESS, IssuerPut(STAFF), IssuerPut(other))
        known.when(ListIssuers()).then_nothing(reply={"issuers": [other, STAFF]})


class TestRoles:
    @pytest.mark.parametrize(
        ("claims", "role"),
        [
            ({"realm_access": {"roles": ["desk", "x"]}}, "viewer"),
            ({"realm_access": {"roles": ["desk", "admin"]}}, "owner"),
            ({"realm_access": {"roles": "admin"}}, "owner"),
            ({"realm_access": {"roles": "admin desk"}}, None),
            ({"realm_access": {"roles": ["Admin", ["admin"], 7, None, {"admin": 1}]}}, None),
            ({"realm_access": {"roles": {"admin": True}}}, None),
            ({"realm_access": ["roles"]}, None),
            ({"realm_access": "roles"}, None),
            ({"roles": ["admin"]}, None),
            ({"realm_access.roles": ["admin"]}, None),
            ({}, None),
        ],
    )
    def test_a_token_gives_the_strongest_role_that_it_names(self, claims: dict[str, Any], role: str | None) -> None:
        """By values that are there to the letter, at the one place where they belong; nothing is guessed."""
        assert STAFF.role_of(claims) == role

    def test_whoever_has_no_role_has_the_default(self) -> None:
        """Where there is one; a role that is named goes before it, be it weaker."""
        issuer = Issuer("i", URL, "a", JWKS, ("roles",), {"guest": "session"}, default_role="operator")
        assert (issuer.role_of({}), issuer.role_of({"roles": ["guest"]})) == ("operator", "session")
