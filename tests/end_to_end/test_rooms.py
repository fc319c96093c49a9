"""Waiting rooms by hand, as the README's tour has it: every command a process of its own, on a real stack."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from events.waiting.draw import commitment_of
from tests.support.by_hand import ByHand, line_of
from tests.support.stack import tidegate, up

PROCESS = ("--runtime", "process", "--set", "org=mine", "--hosts", "1")
MINE = ("--set", "org=mine")
KEY = "the key of the first visitor"
OTHER = "the key of somebody else"


BY_HAND = ByHand("room", *MINE)
room, plain, following = BY_HAND.accepted, BY_HAND.plain, BY_HAND.following


async def refused(folder: Path, *words: str) -> str:
    """The code of a refusal, which says what to do next."""
    error = await BY_HAND.error(folder, *words)
    assert error["next_step"], error
    return error["code"]


async def told(process: asyncio.subprocess.Process, event: str) -> Any:
    """The next line that tells of this."""
    while (line := await line_of(process))["event"] != event:
        pass
    return line


async def stands(folder: Path, ticket: str, *states: str) -> Any:
    """The ticket as soon as it stands so."""
    async with asyncio.timeout(20):
        while (seen := await room(folder, "ticket", ticket))["state"] not in states:
            pass
    return seen


async def test_the_tour(tmp_path: Path) -> None:
    """Make it, open it, stand in line, raise the capacity, claim, show the pass, go; somebody watches all of it."""
    async with up(tmp_path, *PROCESS):
        await room(tmp_path, "create", "launch", "--capacity", "1", "--title", "The launch")
        assert await refused(tmp_path, "create", "launch", "--capacity", "9") == "room_exists"
        assert await refused(tmp_path, "join", "launch", "--key", KEY) == "room_not_open"
        await room(tmp_path, "open", "launch")
        assert await refused(tmp_path, "open", "launch") == "wrong_phase"
        assert await refused(tmp_path, "join", "launch", "--email", "ann") == "bad_email"
        async with following(tmp_path, "watch", "launch") as watching:
            first = await room(tmp_path, "join", "launch", "--key", KEY)
            again = await room(tmp_path, "join", "launch", "--key", KEY)
            assert (first["ticket"], first["new"], again["ticket"], again["new"]) == (
                "launch.0.0", True, "launch.0.0", False,
            )  # fmt: skip
            second = await room(tmp_path, "join", "launch", "--email", "ann@example.org")
            assert "ann@" not in str(second)
            third = await room(tmp_path, "join", "launch")
            assert [second["state"], second["ahead"], third["ahead"]] == ["waiting", 0, 1]
            assert (await stands(tmp_path, "launch.0.0", "called"))["until"] is not None
            assert await refused(tmp_path, "claim", second["ticket"], "--key", second["key"]) == "not_called"
            assert await refused(tmp_path, "claim", "launch.0.0", "--key", OTHER) == "not_your_ticket"
            await room(tmp_path, "set", "launch", "--capacity", "2")
            await stands(tmp_path, second["ticket"], "called")
            assert (await room(tmp_path, "ticket", third["ticket"]))["state"] == "waiting"
            ended = await plain(tmp_path, "claim", "launch.0.0", "--key", KEY)
            token = ended.out.splitlines()[-1]
            checked = await room(tmp_path, "pass", "check", token, "--room", "launch", "--key", KEY)
            assert (checked["good"], checked["ticket"]) == (True, "launch.0.0")
            assert await refused(tmp_path, "pass", "check", token, "--room", "launch", "--key", OTHER) != ""
            await room(tmp_path, "prolong", "launch.0.0", "--key", KEY)
            await room(tmp_path, "exit", "launch.0.0", "--key", KEY)
            assert await refused(tmp_path, "exit", "launch.0.0", "--key", KEY) == "ticket_over"
            await stands(tmp_path, third["ticket"], "called")
            assert watching.stdout is not None
            facts: list[str] = []
            async with asyncio.timeout(20):
                while "TicketExited" not in facts:
                    facts += [one["fact"] for one in json.loads(await watching.stdout.readline())["events"]]
            assert {"RoomPut", "LinesHeard", "TicketsCalled", "TicketClaimed"} <= set(facts)
        await room(tmp_path, "revoke", third["ticket"])
        await room(tmp_path, "leave", second["ticket"], "--key", second["key"])
        shown = await room(tmp_path, "show", "launch")
        numbers = shown["numbers"]["all"]
        assert (numbers["joined"], numbers["active"], numbers["called"], numbers["waiting"]) == (3, 0, 0, 0)
        assert [(one["room"], one["phase"]) for one in await room(tmp_path, "list")] == [("launch", "open")]
        board = await plain(tmp_path, "watch", "launch", "--for", "0.5")
        assert board.code == 0 and " open: 0 waiting" in board.out
        await room(tmp_path, "drain", "launch")
        assert await refused(tmp_path, "join", "launch") in {"room_draining", "room_closed"}
        assert (await tidegate(tmp_path, "log", "verify", "--json")).data["sound"]


async def test_who_stays_is_let_in_and_who_stops_keeps_the_place(tmp_path: Path) -> None:
    """The pass comes as soon as somebody goes; Ctrl-C ends the wait and not the place."""
    async with up(tmp_path, *PROCESS):
        await room(tmp_path, "create", "sale", "--capacity", "1", "--work-bits", "8", "--lane", "vip:GOLD")
        await room(tmp_path, "open", "sale")
        first = await room(tmp_path, "join", "sale", "--key", KEY, "--wait")
        assert (first["event"], first["ticket"]) == ("pass", "sale.0.0")
        async with following(tmp_path, "join", "sale", "--wait") as stopping:
            mine = await told(stopping, "joined")
            assert (await told(stopping, "waiting"))["ahead"] == 0
        assert (await told(stopping, "stopped"))["ticket"] == mine["ticket"]
        assert await refused(tmp_path, "join", "sale", "--lane", "vip", "--code", "TIN") == "wrong_code"
        vip = await room(tmp_path, "join", "sale", "--lane", "vip", "--code", "GOLD")
        async with following(tmp_path, "wait", mine["ticket"], "--key", mine["key"]) as waiting:
            assert (await told(waiting, "waiting"))["ahead"] == 0
            await room(tmp_path, "exit", "sale.0.0", "--key", KEY)
            await stands(tmp_path, vip["ticket"], "called")
            await room(tmp_path, "leave", vip["ticket"], "--key", vip["key"])
            assert (await told(waiting, "pass"))["ticket"] == mine["ticket"]
            assert await waiting.wait() == 0  # by itself
        await room(tmp_path, "pause", "sale")
        last = await room(tmp_path, "join", "sale", "--key", OTHER)
        assert last["estimate"]["reason"] == "paused"
        await room(tmp_path, "remove", last["ticket"])
        assert await refused(tmp_path, "wait", last["ticket"], "--key", OTHER) == "ticket_over"


async def test_a_draw_can_be_recomputed_by_anybody(tmp_path: Path) -> None:
    """The secret is kept by whoever made it, its hash is in the log before anybody joins, and every place follows."""
    async with up(tmp_path, *PROCESS):
        made = await room(tmp_path, "create", "sale", "--capacity", "3", "--shards", "2", "--draw")
        assert commitment_of(made["secret"]) == made["commitment"]
        assert (tmp_path / made["secret_file"]).read_text().strip() == made["secret"]
        assert await refused(tmp_path, "verify-draw", "sale") == "no_draw_yet"
        await room(tmp_path, "start", "sale")
        keys = [f"the key of visitor {number}" for number in range(5)]
        joined = await asyncio.gather(*(room(tmp_path, "join", "sale", "--key", key) for key in keys))
        assert {one["state"] for one in joined} == {"drawing"}
        assert await refused(tmp_path, "open", "sale") == "not_drawn"
        assert await refused(tmp_path, "draw", "sale", "--secret", "not the secret at all") == "wrong_secret"
        drawn = await room(tmp_path, "draw", "sale", "--beacon", "tonight's numbers")
        assert drawn["drawn"] == {"": 5}
        await room(tmp_path, "open", "sale")
        report = await room(tmp_path, "verify-draw", "sale", "--places")
        assert (report["sound"], report["seed"]) == (True, drawn["seed"])
        places = [f"sale.{ticket}" for ticket in report["places"][""]]
        assert sorted(places) == sorted(one["ticket"] for one in joined)
        seen = [await room(tmp_path, "ticket", ticket) for ticket in places]
        assert [one["state"] for one in seen] == ["called"] * 3 + ["waiting"] * 2
        assert [one["place"] for one in seen] == list(range(5))
        assert "as it was promised" in (await plain(tmp_path, "verify-draw", "sale")).out


async def test_a_crowd_comes_and_goes(tmp_path: Path) -> None:
    """By itself when all were in; and at once when it is told to."""
    async with up(tmp_path, *PROCESS):
        await room(tmp_path, "create", "sale", "--capacity", "10", "--shards", "2")
        await room(tmp_path, "open", "sale")
        words = ("crowd", "sale", "--visitors", "30", "--rate", "0", "--no-shows", "0", "--dwell", "1s")
        ended = await room(tmp_path, *words)
        assert (ended["event"], ended["came_in"], ended["done"], ended["refused"]) == ("ended", 30, 30, {})
        await room(tmp_path, "pause", "sale")
        interrupted = await room(tmp_path, *words, "--for", "2")
        assert (interrupted["arrived"], interrupted["left"], interrupted["waiting"]) == (30, 30, 0)
        assert (await room(tmp_path, "show", "sale"))["numbers"]["all"]["waiting"] == 0


async def test_what_is_behind_a_room_says_so(tmp_path: Path) -> None:
    """The demo's premiere cannot be booked past its waiting room, and the refusal names the room. With its pass it can,
    and with no other text that looks like one."""
    async with up(tmp_path, *PROCESS):
        assert (await tidegate(tmp_path, "demo", *MINE, "--json")).data["rooms"] == 1
        wish = ("booking", "book", "premiere", "studio-north", "--start", await _free_start(tmp_path))
        booked = await tidegate(tmp_path, *wish, *MINE)
        assert booked.code == 1 and "refused[pass_needed]" in booked.err
        assert "tidegate room join launch --wait" in booked.err
        joined = await room(tmp_path, "join", "launch", "--wait")
        assert joined["event"] == "pass"
        forged = await tidegate(tmp_path, *wish, "--pass", joined["pass"][:-8] + "AAAAAAAA", *MINE)
        assert forged.code == 1 and "error[pass_forged]" in forged.err
        booked = await tidegate(tmp_path, *wish, "--pass", joined["pass"], *MINE, "--json")
        assert booked.code == 0 and booked.data["status"] == "confirmed", booked.err


async def _free_start(folder: Path) -> str:
    """When a premiere could begin, on the first day that has such a time."""
    for days in range(20, 30):
        slots = ("booking", "slots", "premiere", "studio-north", "--date", f"+{days}", *MINE, "--json")
        for slot in (await tidegate(folder, *slots)).data:
            if slot["state"] == "free":
                return str(slot["start"])
    raise AssertionError("no premiere can be booked for days")
