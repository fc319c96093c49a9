"""The endpoints of an organisation: what may be one, and what becomes of its secrets."""

from __future__ import annotations

import pytest

from actors.kinds import KINDS
from actors.specification import Given, given
from actors.webhooks.commands import (
    DisableEndpoint,
    EnableEndpoint,
    ListEndpoints,
    PutEndpoint,
    RemoveEndpoint,
    RotateSecret,
)
from actors.webhooks.limits import (
    DESCRIPTION_CHARACTERS_MAX,
    ENDPOINTS_MAX,
    FILTERS_MAX,
    OVERLAP_S,
    OVERLAP_S_MAX,
    SECRETS_LIVING_MAX,
    URL_CHARACTERS_MAX,
    WHY_CHARACTERS_MAX,
)
from actors.webhooks.registry import BY_HAND, WEBHOOKS, Webhooks, WebhooksCommand
from events.webhooks import (
    EVENTS,
    EndpointDisabled,
    EndpointEnabled,
    EndpointPut,
    EndpointRemoved,
    SecretRotated,
    WebhooksFact,
    wants,
)

NOW = 1_796_644_800_000
URL = "https://example.org/hook"
PUT = EndpointPut("shop", URL, ("*",), "", True, 1)
SECOND_MS = 1_000


def webhooks(*facts: WebhooksFact, at: int = NOW) -> Given[Webhooks, WebhooksCommand, WebhooksFact, None]:
    return given(WEBHOOKS, *facts, at=at, actor="demo.webhooks")


def listed(**changed: object) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": "shop", "url": URL, "events": ["*"], "description": "", "active": True, "why": "", "generations": [1],
    }  # fmt: skip
    return {"endpoints": [shown | changed]}


def test_both_kinds_are_known() -> None:
    """To hosts, tools and verifiers."""
    assert KINDS["webhooks"] is WEBHOOKS and KINDS["webhook"].consults == "webhooks"


class TestPutting:
    def test_an_endpoint_is_put(self) -> None:
        """With all that was said, and the number of its first secret."""
        events = ("booking.*", "room.phase")
        put = PutEndpoint("shop", URL, events, "The shop", active=False)
        fact = EndpointPut("shop", URL, events, "The shop", False, 1)
        reply = {"id": "shop", "generation": 1, "active": False, "new": True}
        webhooks().when(put).then(fact).replies(reply)
        webhooks(fact).when(put).then_nothing().replies(reply | {"new": False})

    def test_unless_it_is_said_it_hears_everything(self) -> None:
        """And at once."""
        webhooks().when(PutEndpoint("shop", URL)).then(PUT)

    def test_the_same_again_changes_nothing(self) -> None:
        """What is put already is accepted without a fact."""
        webhooks(PUT).when(PutEndpoint("shop", URL)).then_nothing()

    def test_a_change_keeps_the_secret(self) -> None:
        """Whoever moves their server types no new one."""
        moved = EndpointPut("shop", "https://example.org/new", ("*",), "", True, 1)
        webhooks(PUT).when(PutEndpoint("shop", "https://example.org/new")).then(moved)

    def test_put_again_it_is_active_again(self) -> None:
        """Unless it is said otherwise."""
        disabled = webhooks(PUT, EndpointDisabled("shop", "gone"))
        disabled.when(PutEndpoint("shop", URL)).then(PUT)
        disabled.when(PutEndpoint("shop", URL, active=False)).then_nothing()

    def test_a_new_one_has_a_secret_that_nobody_has_seen(self) -> None:
        """Whatever was called so before, and whatever other endpoints there are."""
        removed = webhooks(PUT, SecretRotated("shop", 2, NOW), EndpointRemoved("shop"))
        removed.when(PutEndpoint("shop", URL)).then(EndpointPut("shop", URL, ("*",), "", True, 3))
        webhooks(PUT).when(PutEndpoint("other", URL)).then(EndpointPut("other", URL, ("*",), "", True, 2))

    def test_there_are_only_so_many(self) -> None:
        """Those that there are can still be changed."""
        full = webhooks(*(EndpointPut(f"e-{number}", URL, ("*",), "", True, number) for number in range(ENDPOINTS_MAX)))
        full.when(PutEndpoint("more", URL)).then_refused("too_many_endpoints")
        full.when(PutEndpoint("e-1", URL, active=False)).then(EndpointPut("e-1", URL, ("*",), "", False, 1))

    @pytest.mark.parametrize("id", ["", "Shop", "a.b", "a b", "x" * 65, "shop\r\nEvil: yes", "shöp"])
    def test_its_id_is_an_identifier(self, id: str) -> None:
        """It is part of an actor's name."""
        webhooks().when(PutEndpoint(id, URL)).then_refused("bad_identifier")

    @pytest.mark.parametrize(
        "url",
        [
            "https://example.org",
            "http://example.org:8080/a/b?c=d&e=%20",
            "https://xn--bcher-kva.example/",
            "https://[2606:4700:4700::1111]:8443/hook",
            "https://192.0.2.1/",
            "https://example.org./",
            "https://a_b.example/",
            "https://example.org/" + "x" * (URL_CHARACTERS_MAX - 20),
        ],
    )
    def test_what_is_an_address(self, url: str) -> None:
        """Where it leads is not looked at here."""
        webhooks().when(PutEndpoint("shop", url)).then(EndpointPut("shop", url, ("*",), "", True, 1))

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "example.org/hook",
            "//example.org/hook",
            "ftp://example.org/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://",
            "https:///hook",
            "https://:443/",
            "https://user@example.org/",
            "https://user:password@example.org/",
            "https://@example.org/",
            "https://example.org/#part",
            "https://example.org/#",
            "https://example.org/a b",
            "https://example.org/a\r\nEvil: yes",
            "https://example.org/a\n",
            "https://example.org\t/",
            "https://exa\0mple.org/",
            "https://example.org\\@evil.test/",
            "https://büch.example/",
            "https://example.org:99999/",
            "https://example.org:0/",
            "https://example.org:port/",
            "https://[::1/",
            "https://[fe80::1%25eth0]/",
            "https://[nonsense]/",
            "https://exa*mple.org/",
            "https://.example.org/",
            "https://a..b/",
            "https://" + "a" * 64 + ".example/",
            "https://example.org/" + "x" * URL_CHARACTERS_MAX,
        ],
    )
    def test_what_is_none(self, url: str) -> None:
        """Nothing in it can become a header, a password, or another host than it looks like."""
        webhooks().when(PutEndpoint("shop", url)).then_refused("bad_url")

    @pytest.mark.parametrize("event", ["booking.made", "booking", "*.*", "bookings.*", "", "webhook.*", "webhook.test"])
    def test_events_are_those_that_there_are(self, event: str) -> None:
        """Whoever misspells one would wait for ever."""
        webhooks().when(PutEndpoint("shop", URL, (event, "*"))).then_refused("unknown_event")

    @pytest.mark.parametrize("events", [(), ("*", "*"), tuple(EVENTS[:1] * (FILTERS_MAX + 1))])
    def test_and_each_is_named_once(self, events: tuple[str, ...]) -> None:
        """At least one, and not too many."""
        webhooks().when(PutEndpoint("shop", URL, events)).then_refused("bad_events")

    @pytest.mark.parametrize("text", ["x" * (DESCRIPTION_CHARACTERS_MAX + 1), "two\nlines", "\x1b[31m"])
    def test_a_description_can_be_shown(self, text: str) -> None:
        """On one line."""
        webhooks().when(PutEndpoint("shop", URL, description=text)).then_refused("bad_text")


class TestSecrets:
    def test_a_rotation_lets_the_old_one_sign_for_a_while(self) -> None:
        """A day, unless it is said otherwise; the newest signs first."""
        until = NOW + OVERLAP_S * SECOND_MS
        outcome = webhooks(PUT).when(RotateSecret("shop")).then(SecretRotated("shop", 2, until))
        outcome.replies({"id": "shop", "generation": 2, "until": until})
        rotated = webhooks(PUT, SecretRotated("shop", 2, until))
        rotated.when(ListEndpoints(), at=until).replies(listed(generations=[2, 1]))
        rotated.when(ListEndpoints(), at=until + 1).replies(listed(generations=[2]))

    def test_without_an_overlap_every_older_one_is_void_at_once(self) -> None:
        """For a secret that has leaked."""
        twice = webhooks(PUT, SecretRotated("shop", 2, NOW + SECOND_MS))
        outcome = twice.when(RotateSecret("shop", 0)).then(SecretRotated("shop", 3, NOW - 1))
        assert outcome.facts
        twice.given(SecretRotated("shop", 3, NOW - 1), at=NOW).when(ListEndpoints()).replies(listed(generations=[3]))

    def test_a_shorter_overlap_shortens_those_before(self) -> None:
        """And a longer one does not prolong them."""
        short = webhooks(PUT, SecretRotated("shop", 2, NOW + 9_000), SecretRotated("shop", 3, NOW + 1_000))
        short.when(ListEndpoints(), at=NOW + 1_001).replies(listed(generations=[3]))
        long = webhooks(PUT, SecretRotated("shop", 2, NOW + 1_000), SecretRotated("shop", 3, NOW + 9_000))
        long.when(ListEndpoints(), at=NOW + 1_001).replies(listed(generations=[3, 2]))

    def test_only_so_many_sign_at_a_time(self) -> None:
        """Each makes every header longer. Without an overlap it is always possible."""
        many = (SecretRotated("shop", number, NOW + SECOND_MS) for number in range(2, SECRETS_LIVING_MAX + 1))
        full = webhooks(PUT, *many)
        full.when(RotateSecret("shop")).then_refused("too_many_secrets")
        full.when(RotateSecret("shop", 0)).then(SecretRotated("shop", SECRETS_LIVING_MAX + 1, NOW - 1))
        full.when(RotateSecret("shop"), at=NOW + SECOND_MS + 1).then(
            SecretRotated("shop", SECRETS_LIVING_MAX + 1, NOW + SECOND_MS + 1 + OVERLAP_S * SECOND_MS)
        )

    @pytest.mark.parametrize("overlap_s", [-1, OVERLAP_S_MAX + 1])
    def test_an_overlap_is_bounded(self, overlap_s: int) -> None:
        """A secret that signs for ever was not rotated."""
        webhooks(PUT).when(RotateSecret("shop", overlap_s)).then_refused("bad_overlap")


class TestSwitching:
    def test_it_is_disabled_with_a_reason(self) -> None:
        """By hand, if none is given; again, it changes nothing."""
        webhooks(PUT).when(DisableEndpoint("shop", "gone")).then(EndpointDisabled("shop", "gone"))
        webhooks(PUT).when(DisableEndpoint("shop")).then(EndpointDisabled("shop", BY_HAND))
        disabled = webhooks(PUT, EndpointDisabled("shop", "gone"))
        disabled.when(DisableEndpoint("shop", "again")).then_nothing(reply={"id": "shop", "active": False})
        disabled.when(ListEndpoints()).replies(listed(active=False, why="gone"))

    def test_what_was_found_out_about_another_version_disables_nothing(self) -> None:
        """It was mended meanwhile."""
        webhooks(PUT).when(DisableEndpoint("shop", "gone", version=1)).then(EndpointDisabled("shop", "gone"))
        mended = EndpointPut("shop", "https://example.org/new", ("*",), "", True, 1)
        webhooks(PUT, mended).when(DisableEndpoint("shop", "gone", version=1)).then_nothing()

    def test_it_is_enabled_and_goes_on(self) -> None:
        """Or begins afresh, which is possible at any time."""
        disabled = webhooks(PUT, EndpointDisabled("shop", "gone"))
        disabled.when(EnableEndpoint("shop")).then(EndpointEnabled("shop", False))
        webhooks(PUT).when(EnableEndpoint("shop")).then_nothing()
        webhooks(PUT).when(EnableEndpoint("shop", afresh=True)).then(EndpointEnabled("shop", True))
        disabled.given(EndpointEnabled("shop", False), at=NOW).when(ListEndpoints()).replies(listed())

    def test_a_reason_can_be_shown(self) -> None:
        """On one line, and is no novel."""
        webhooks(PUT).when(DisableEndpoint("shop", "x" * (WHY_CHARACTERS_MAX + 1))).then_refused("bad_text")
        webhooks(PUT).when(DisableEndpoint("shop", "a\nb")).then_refused("bad_text")

    @pytest.mark.parametrize(
        "command",
        [RemoveEndpoint("none"), RotateSecret("none"), EnableEndpoint("none"), DisableEndpoint("none", "x" * 999)],
    )
    def test_what_is_not_there_is_unknown(self, command: WebhooksCommand) -> None:
        """Whatever is asked of it."""
        webhooks(PUT).when(command).then_refused("unknown_endpoint")

    def test_it_is_removed(self) -> None:
        """And there is room for another."""
        webhooks(PUT).when(RemoveEndpoint("shop")).then(EndpointRemoved("shop")).replies({"id": "shop"})
        webhooks(PUT, EndpointRemoved("shop")).when(ListEndpoints()).replies({"endpoints": []})


def test_a_filter_lets_by_what_it_names() -> None:
    """An event by its name, its group, or the star."""
    assert all(wants(("*",), name) for name in EVENTS)
    assert [name for name in EVENTS if wants(("standby.*", "room.phase"), name)] == [
        name for name in EVENTS if name.startswith("standby.") or name == "room.phase"
    ]
