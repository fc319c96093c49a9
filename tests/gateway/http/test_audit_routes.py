"""The audit over HTTP: what the log says is told as it is, to whom it concerns, and what was altered is noticed.

It is whole in one module because histories, commits and proofs are held against each other: they tell the same log.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from actors.kinds import KINDS
from events.commit import GENESIS, encode, hash_of
from events.facts import REDACTED
from gateway import auditing
from gateway.auditing import SECRET
from gateway.operations import audit
from tests.support.gateway import Gate, in_virtual_time, open_gateway, refused, told

__all__ = ["in_virtual_time"]

DATE = "2026-06-09"
ANN = {"name": "Ann Lee", "email": "ann@example.org", "phone": "555-0100"}
DAY = f"day.studio-north.{DATE}"
NOT_SECRET = {("Drawn", "secret"), ("SecretCommitted", "commitment"), ("RoomSettings", "one_per_identity")}
"""What was secret until it was told to everybody; and what is none."""


async def booked(gate: Gate, **about: Any) -> dict[str, Any]:
    wish = gate.wish(f"{DATE}T10:00", booker=ANN) | about
    answer = await gate.post("/v1/demo/bookings", wish, as_=await gate.session())
    assert answer.status_code == 201, told(answer)
    found: dict[str, Any] = answer.json()
    return found


async def a_life(gate: Gate) -> dict[str, Any]:
    """A booking that was made, moved ten seconds later, and cancelled ten seconds after that."""
    made = await booked(gate)
    path = f"/v1/demo/bookings/{made['booking']}"
    await asyncio.sleep(10)
    moved = await gate.post(
        f"{path}/reschedule", {"start": f"{DATE}T12:00", "manage_token": made["manage_token"]},
        as_=await gate.session(),
    )  # fmt: skip
    assert moved.status_code == 200, told(moved)
    await asyncio.sleep(10)
    cancelled = await gate.post(f"{path}/cancel", {"reason": "Ann is ill"}, as_=gate.owner)
    assert cancelled.status_code == 200, told(cancelled)
    return made | {"seen": cancelled.headers["tidegate-position"]}


async def audited(gate: Gate, path: str, as_: str = "", **query: Any) -> dict[str, Any]:
    answer = await gate.get(f"/v1/demo/audit/{path}", as_=as_ or gate.owner, **query)
    assert answer.status_code == 200, told(answer)
    found: dict[str, Any] = answer.json()
    return found


class TestABooking:
    async def test_all_of_its_history_is_told_in_order(self) -> None:
        """What happened, where it stands in the log, when, who asked, and how the booking stood then."""
        async with open_gateway() as gate:
            made = await a_life(gate)
            found = await audited(gate, f"bookings/{made['booking']}", headers={"Tidegate-Position": made["seen"]})
            steps = [step for step in found["history"] if step["fact"].startswith("Booking")]
            assert [step["fact"] for step in steps] == ["BookingMade.1", "BookingMoved.1", "BookingCancelled.1"]
            assert [step["status"] for step in steps] == ["confirmed", "confirmed", "cancelled"]
            assert [step["by"].partition(":")[0] for step in steps] == ["session", "session", "key"]
            assert steps[2]["by"] == "key:owner" and steps[2]["says"]["reason"] == "Ann is ill"
            assert steps[2]["position"] == made["seen"]
            sequences = [step["sequence"] for step in found["history"]]
            assert sequences == sorted(sequences)
            assert found["booking"]["status"] == "cancelled" and found["booking"]["version"] == 1
            assert found["booking"]["booker"] == ANN and found["at"] is None
            shown = await gate.get(f"/v1/demo/bookings/{made['booking']}", as_=gate.owner)
            assert found["booking"] == shown.json()

    @pytest.mark.parametrize(
        ("at", "tz", "start", "status"),
        [
            ("2026-06-01T10:00:05Z", "", "10:00", "confirmed"),
            ("2026-06-01T12:00:15+02:00", "", "12:00", "confirmed"),
            ("2026-06-01T12:00", "", None, ""),
            ("2026-06-01T12:00:05", "", "10:00", "confirmed"),
            ("2026-06-01T11:00:15", "Europe/London", "12:00", "confirmed"),
            ("2026-06-01T12:00:25", "", "12:00", "cancelled"),
        ],
    )
    async def test_it_stood_so_at_an_instant(self, at: str, tz: str, start: str | None, status: str) -> None:
        """By an instant with its offset, or by clocks: those that are named, or the resource's own."""
        async with open_gateway() as gate:
            made = await a_life(gate)
            await asyncio.sleep(10)
            if start is None:
                answer = await gate.get(f"/v1/demo/audit/bookings/{made['booking']}", as_=gate.owner, at=at, tz=tz)
                assert refused(answer) == (404, "unknown_then")
                return
            found = await audited(gate, f"bookings/{made['booking']}", at=at, tz=tz)
            clocks = {"Europe/London": "11"}.get(tz, start[:2])
            assert found["booking"]["start"].startswith(f"{DATE}T{clocks}:00"), found["booking"]
            assert found["booking"]["status"] == status == found["history"][-1]["status"]
            assert all(step["at"] <= found["at"] for step in found["history"])

    @pytest.mark.parametrize(
        ("id", "query", "expected"),
        [
            (f"studio-north.{DATE}.b-none", {}, (404, "unknown_booking")),
            ("studio-north", {}, (404, "unknown_booking")),
            ("a.b.c.d", {}, (404, "unknown_booking")),
            ("*.>.b", {}, (404, "unknown_booking")),
            ("made", {"at": "yesterday"}, (422, "bad_time")),
            ("made", {"at": "2026-06-01T11:00", "tz": "Nowhere/Land"}, (422, "unknown_time_zone")),
            ("made", {"at": "2026-06-03T11:00:00Z"}, (422, "not_yet")),
            ("made", {"at": "2026-06-01T09:00:00Z"}, (404, "unknown_then")),
        ],
    )
    async def test_what_cannot_be_told_is_refused(
        self, id: str, query: dict[str, str], expected: tuple[int, str]
    ) -> None:
        """Bookings and instants that there are not, or not yet."""
        async with open_gateway() as gate:
            id = (await booked(gate))["booking"] if id == "made" else id
            answer = await gate.get(f"/v1/demo/audit/bookings/{id}", as_=gate.owner, **query)
            assert refused(answer) == expected


class TestAnActor:
    async def test_its_commits_are_told_as_the_log_has_them(self) -> None:
        """In order, each with its hash and that of the one before it."""
        async with open_gateway() as gate:
            made = await a_life(gate)
            recorded = await gate.house.recorded(f"demo.{DAY}")
            found = await audited(gate, f"actors/{DAY}")
            assert [one["sequence"] for one in found["commits"]] == [one.sequence for one in recorded]
            assert [one["hash"] for one in found["commits"]] == [hash_of(one.body) for one in recorded]
            assert [one["previous"] for one in found["commits"]][1:] == [hash_of(one.body) for one in recorded][:-1]
            assert found["commits"][0]["previous"] == GENESIS and found["cursor"] == ""
            facts = [fact for one in found["commits"] for by in one["decided"] for fact in by["facts"]]
            assert [fact["says"] for fact in facts if fact["fact"] == "BookingCancelled.1"] == [
                {"booking": made["booking"], "reason": "Ann is ill"}
            ]

    async def test_pages_have_every_commit_once(self) -> None:
        """Each goes on behind the one before; the last one says that it is."""
        async with open_gateway() as gate:
            whole, cursor, pages = await audited(gate, "actors/catalog"), "", 0
            seen: list[dict[str, Any]] = []
            while pages == 0 or cursor:
                page = await audited(gate, "actors/catalog", limit=3, cursor=cursor)
                assert len(page["commits"]) <= 3
                seen, cursor, pages = [*seen, *page["commits"]], page["cursor"], pages + 1
            assert seen == whole["commits"] and pages == -(-len(seen) // 3)

    async def test_a_page_is_bounded_by_what_is_on_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """By facts and by bytes; a single commit is always shown."""
        async with open_gateway() as gate:
            for limit in ("AUDIT_FACTS_MAX", "AUDIT_BYTES_MAX"):
                with monkeypatch.context() as patch:
                    patch.setattr(audit, limit, 1)
                    page = await audited(gate, "actors/catalog")
                    assert len(page["commits"]) == 1 and page["cursor"] == str(page["commits"][0]["sequence"])

    async def test_actors_of_the_same_step_are_named(self) -> None:
        """As this organisation names them."""
        async with open_gateway() as gate:
            await booked(gate, along=[{"resource": "mics", "units": 1}])
            found = await audited(gate, f"actors/{DAY}")
            assert set(found["commits"][-1]["together"]) >= {DAY, f"day.mics.{DATE}"}

    @pytest.mark.parametrize(
        "name",
        [
            "nothing", "day", "day.studio-north", f"{DAY}.more", "demo.catalog", "elsewhere.catalog", "catalog.x",
            "*", ">", "day.*.2026-06-09", "day.studio-north.>", "..", "catalog%0a", "catalog%00", "%2e%2e%2fcatalog",
            "Catalog", "CATALOG", "catalog%20", "line.launch.9", "a" * 300,
        ],
    )  # fmt: skip
    async def test_what_is_no_actor_here_is_unknown(self, name: str) -> None:
        """No name leads out of the organisation, or to several at once."""
        async with open_gateway() as gate:
            await gate.key("owner", org="elsewhere")
            for path in (f"/v1/demo/audit/actors/{name}", f"/v1/demo/audit/actors/{name}/proof"):
                assert refused(await gate.get(path, as_=gate.owner))[0] == 404

    async def test_a_commit_that_cannot_be_read_is_shown_as_that(self) -> None:
        """The others are shown all the same."""
        async with open_gateway() as gate:
            _alter(gate, "demo.catalog", 1, b"\xff{")
            found = await audited(gate, "actors/catalog")
            assert [bool(one["trouble"]) for one in found["commits"]][:3] == [False, True, False]

    @pytest.mark.parametrize("cursor", ["x", "0", "-1", "1" * 30, "1-1-" + "0" * 63, "１"])
    async def test_a_cursor_is_sent_back_as_it_was_told(self, cursor: str) -> None:
        """Anything else is refused."""
        async with open_gateway() as gate:
            for path in ("actors/catalog", "actors/catalog/proof"):
                answer = await gate.get(f"/v1/demo/audit/{path}", as_=gate.owner, cursor=cursor)
                assert refused(answer) == (400, "bad_cursor")


class TestWhoIsShownWhat:
    async def test_who_may_not_see_bookings_sees_nobody(self) -> None:
        """What happened is told, and that there is a name; whose it is, is not."""
        async with open_gateway() as gate:
            made = await a_life(gate)
            auditor = await gate.key("viewer", "audit.read")
            for path in (f"bookings/{made['booking']}", f"actors/{DAY}"):
                plain = await gate.get(f"/v1/demo/audit/{path}", as_=gate.owner)
                hidden = await gate.get(f"/v1/demo/audit/{path}", as_=auditor)
                assert plain.status_code == hidden.status_code == 200
                for text in ("Ann", "555-0100", "session:"):
                    assert text in plain.text
                    assert text not in hidden.text.replace(f"session:{REDACTED}", "")
                assert REDACTED in hidden.text and "BookingCancelled.1" in hidden.text

    async def test_a_viewer_sees_what_the_bookings_route_shows_them(self) -> None:
        """Whom it is for, and why it was cancelled."""
        async with open_gateway() as gate:
            made, viewer = await a_life(gate), await gate.key("viewer")
            shown = await gate.get(f"/v1/demo/bookings/{made['booking']}", as_=viewer)
            assert (await audited(gate, f"bookings/{made['booking']}", viewer))["booking"] == shown.json()

    async def test_what_opens_something_is_shown_to_nobody(self) -> None:
        """No hash of a token, a key or a code, and not what a fact keeps of a session."""
        async with open_gateway() as gate:
            made, session = await booked(gate), await gate.session()
            await gate.post("/v1/demo/rooms/launch/tickets", {}, as_=session)
            lanes = [{"id": "vip", "codes": ["GOLD-2026"]}]
            put = await gate.put("/v1/demo/rooms/sale", {"capacity": 1, "lanes": lanes}, as_=gate.owner)
            assert put.status_code == 200, told(put)
            await gate.told()
            for actor in (DAY, "access", "line.launch.0", "room.launch", "room.sale"):
                answer = await gate.get(f"/v1/demo/audit/actors/{actor}", as_=gate.owner)
                assert answer.status_code == 200, told(answer)
                for commit in await gate.house.recorded(f"demo.{actor}"):
                    for secret in _secrets(msgspec.json.decode(commit.body)["decided"]):
                        assert f'"{secret}"' not in answer.text, actor
                assert made["manage_token"] not in answer.text

    async def test_by_which_session_a_visitor_asked_is_shown_to_who_may_see_bookings(self) -> None:
        """To others, that it was a visitor."""
        async with open_gateway() as gate:
            await booked(gate)
            commit = (await gate.house.recorded(f"demo.{DAY}"))[0]
            by = {one["by"] for one in msgspec.json.decode(commit.body)["decided"]}
            assert all(re.fullmatch(r"session:\S+", one) for one in by), by
            for as_, shown in ((gate.owner, by), (await gate.key("viewer", "audit.read"), {f"session:{REDACTED}"})):
                page = await audited(gate, f"actors/{DAY}", as_)
                assert {step["by"] for one in page["commits"] for step in one["decided"]} == shown

    @pytest.mark.parametrize(
        ("actor", "takes"),
        [("access", "keys.manage"), ("webhooks", "webhooks.manage"), ("quota.b-0", "bookings.read")],
    )
    async def test_some_actors_take_more(self, actor: str, takes: str) -> None:
        """To be shown them at all, whether they are there or not."""
        async with open_gateway() as gate:
            auditor, more = await gate.key("owner", "audit.read"), await gate.key("owner", "audit.read", takes)
            for path in (f"/v1/demo/audit/actors/{actor}", f"/v1/demo/audit/actors/{actor}/proof"):
                assert refused(await gate.get(path, as_=auditor)) == (403, "not_permitted")
                assert (await gate.get(path, as_=more)).status_code in {200, 404}

    async def test_quotas_are_named_to_who_may_see_bookings(self) -> None:
        """Their names are those of addresses, to whoever can guess one."""
        async with open_gateway() as gate:
            limited = {"title": "Limited", "per_booker": {"day": 2}, "resources": ["studio-north"]}
            put = await gate.put("/v1/demo/event-types/limited", limited, as_=gate.owner)
            assert put.status_code == 200, told(put)
            await booked(gate, event_type="limited")
            found, auditor = {}, await gate.key("viewer", "audit.read")
            for who in (gate.owner, auditor):
                last = (await audited(gate, f"actors/{DAY}", who))["commits"][-1]
                found[who] = [name for name in last["together"] if name.startswith("quota")]
            assert len(found[gate.owner]) == 1 and found[gate.owner][0].startswith("quota.b-")
            assert found[auditor] == [f"quota.{REDACTED}"]

    def test_no_fact_says_a_secret(self) -> None:
        """Every field that is called as secrets are is left out, or known to be none."""
        suspects = ("hash", "token", "secret", "session", "identity", "code", "tags", "counted", "password")
        found = {
            (kind.__name__, name)
            for decider in KINDS.values()
            for fact in decider.facts.current
            for kind in _records(fact)
            for name in get_type_hints(kind)
            if any(word in name for word in suspects) and name not in SECRET.get(kind, ())
        }
        assert found <= NOT_SECRET
        assert all(name in get_type_hints(kind) for kind, hidden in SECRET.items() for name in hidden)


class TestAProof:
    async def test_a_chain_that_was_let_alone_holds(self) -> None:
        """All of it, up to the actor's last commit."""
        async with open_gateway() as gate:
            recorded = await gate.house.recorded("demo.catalog")
            found = await audited(gate, "actors/catalog/proof")
            head = {"sequence": recorded[-1].sequence, "hash": hash_of(recorded[-1].body)}
            assert (found["holds"], found["complete"], found["broken"]) == (True, True, None)
            assert found["checked"] == len(recorded) and found["head"] == found["through"] == head

    async def test_it_goes_on_from_its_cursor(self) -> None:
        """In parts, and later with what has come since."""
        async with open_gateway() as gate:
            count, cursor = len(await gate.house.recorded("demo.catalog")), ""
            parts: list[dict[str, Any]] = []
            while not parts or not parts[-1]["complete"]:
                parts.append(await audited(gate, "actors/catalog/proof", limit=4, cursor=cursor))
                cursor = parts[-1]["cursor"]
            assert [one["checked"] for one in parts] == [*range(4, count, 4), count]
            put = await gate.put("/v1/demo/resources/new", {"time_zone": "UTC"}, as_=gate.owner)
            assert put.status_code == 200, told(put)
            later = await audited(gate, "actors/catalog/proof", cursor=cursor)
            assert (later["holds"], later["complete"], later["checked"]) == (True, True, count + 1)

    async def test_bytes_bound_it_as_well(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """And every request gets further."""
        async with open_gateway() as gate:
            monkeypatch.setattr(audit, "AUDIT_BYTES_MAX", 1)
            monkeypatch.setattr(auditing, "PAUSE_EVERY_BYTES", 1)
            first = await audited(gate, "actors/catalog/proof")
            second = await audited(gate, "actors/catalog/proof", cursor=first["cursor"])
            assert [first["checked"], second["checked"], second["complete"]] == [1, 2, False]

    @pytest.mark.parametrize("how", ["altered", "dropped", "swapped", "unreadable", "misplaced"])
    async def test_what_was_done_to_a_chain_is_found(self, how: str) -> None:
        """Where it shows first; nothing behind that is vouched for."""
        async with open_gateway() as gate:
            log = gate.house.log._of_actor["demo.catalog"]
            three = [one.sequence for one in log[1:4]]
            match how:
                case "altered":
                    _alter(gate, "demo.catalog", 1, log[1].body.replace(b"Berlin", b"Londin"))
                    at, code, checked = three[1], "chain_broken", 2
                case "dropped":
                    del log[1]
                    at, code, checked = three[1], "chain_broken", 1
                case "swapped":
                    one, two = log[1].body, log[2].body
                    _alter(gate, "demo.catalog", 1, two)
                    _alter(gate, "demo.catalog", 2, one)
                    at, code, checked = three[0], "chain_broken", 1
                case "unreadable":
                    _alter(gate, "demo.catalog", 1, b"\xff")
                    at, code, checked = three[0], "unreadable", 1
                case _:
                    _alter(gate, "demo.catalog", 1, encode("demo.access", 1, hash_of(log[0].body), ()))
                    at, code, checked = three[0], "misplaced", 1
            found = await audited(gate, "actors/catalog/proof")
            assert (found["holds"], found["complete"], found["cursor"]) == (False, False, "")
            assert (found["broken"]["sequence"], found["broken"]["code"], found["checked"]) == (at, code, checked)

    @pytest.mark.parametrize(("how", "code"), [("altered", "chain_broken"), ("cut off", "cut_off")])
    async def test_who_kept_a_proof_is_told_when_its_head_is_gone(self, how: str, code: str) -> None:
        """What no chain can say of its own end, the cursor can."""
        async with open_gateway() as gate:
            kept = (await audited(gate, "actors/catalog/proof"))["cursor"]
            log = gate.house.log._of_actor["demo.catalog"]
            if how == "altered":
                _alter(gate, "demo.catalog", -1, log[-1].body.replace(b"test", b"TEST"))
            else:
                del log[-1]
            assert (await audited(gate, "actors/catalog/proof"))["holds"]
            found = await audited(gate, "actors/catalog/proof", cursor=kept)
            assert not found["holds"] and found["broken"]["code"] == code


async def test_a_log_that_takes_too_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asked is told in time."""
    async with open_gateway() as gate:

        async def last_of(actors: Any) -> Any:
            await asyncio.sleep(60)

        monkeypatch.setattr(gate.house.log, "last_of", last_of)
        answer = await gate.get(
            "/v1/demo/audit/actors/catalog", as_=gate.owner, headers={"Tidegate-Timeout-Ms": "1000"}
        )
        assert refused(answer) == (504, "deadline_passed")


def _alter(gate: Gate, actor: str, place: int, body: bytes) -> None:
    log = gate.house.log._of_actor[actor]
    assert log[place].body != body
    log[place] = msgspec.structs.replace(log[place], body=body)


def _records(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """The record, and all that it is made of."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
        for hint in get_type_hints(kind).values():
            yield from _records(hint)
    for part in get_args(kind):
        yield from _records(part)


def _secrets(said: Any) -> Iterator[str]:
    """The texts under names that secrets have, wherever they stand."""
    if isinstance(said, dict):
        for name, value in said.items():
            if name in {"hash", "token_hash", "session", "identity", "codes"}:
                yield from [value] if isinstance(value, str) else value
            else:
                yield from _secrets(value)
    elif isinstance(said, list):
        for one in said:
            yield from _secrets(one)
