"""Booking by hand, as the README's tour has it: every command a process of its own, on a real stack."""

from __future__ import annotations

import asyncio
from pathlib import Path

from icalendar import Calendar

from tests.support.by_hand import ByHand, line_of
from tests.support.stack import tidegate, up

PROCESS = ("--runtime", "process", "--set", "org=mine")
MINE = ("--set", "org=mine")


BY_HAND = ByHand("booking", *MINE)
booking, plain, following = BY_HAND.accepted, BY_HAND.plain, BY_HAND.following


async def refused(folder: Path, *words: str) -> str:
    """The code of a refusal."""
    return (await BY_HAND.error(folder, *words))["code"]


async def told(process: asyncio.subprocess.Process, fact: str) -> str:
    """The words of the next such fact."""
    while (line := await line_of(process))["fact"].partition(".")[0] != fact:
        pass
    text: str = line["text"]
    return text


async def set_up(folder: Path) -> None:
    await booking(folder, "create", "schedule", "hours", "--tz", "Europe/Paris", "--hours", "daily 10:00-20:00")
    await booking(folder, "create", "resource", "west", "--tz", "Europe/Paris", "--schedule", "hours")
    await booking(folder, "create", "resource", "mics", "--tz", "UTC", "--capacity", "4", "--add-on")
    await booking(
        folder, "create", "event-type", "session", "--duration", "60", "--duration", "120", "--after", "30",
        "--hold", "3", "--question", "project!=What is it?",
    )  # fmt: skip
    await booking(folder, "create", "link", "session", "west", "mics")


async def states(folder: Path, date: str = "+3") -> dict[str, str]:
    """The starts of a day, by their local time."""
    slots = await booking(folder, "slots", "session", "west", "--date", date)
    return {one["start"][11:16]: one["state"] for one in slots}


async def test_the_tour(tmp_path: Path) -> None:
    """Create, browse, hold, book from the hold, move, cancel; somebody watches all of it."""
    async with up(tmp_path, *PROCESS):
        await set_up(tmp_path)
        assert set((await states(tmp_path)).values()) == {"free"}
        wish = ("session", "west", "--start", "+3 12:00", "--with", "mics:2")
        async with following(tmp_path, "watch", "west", "+3") as watching:
            async with following(tmp_path, "hold", *wish) as holding:
                held = await line_of(holding)
                assert (await told(watching, "SlotsHeld")).startswith("12:00–13:30 held")
                await asyncio.sleep(4)  # longer than a hold lives without heartbeats: the time itself is what is tested
                assert (await states(tmp_path))["12:00"] == "held"
                assert await refused(tmp_path, "book", *wish, "--answer", "project=x") == "taken"
                from_hold = ("--hold", held["hold"], "--session", held["session"])
                assert await refused(tmp_path, "book", *wish, *from_hold) == "answer_missing"
                booked = await booking(
                    tmp_path,
                    "book",
                    *wish,
                    *from_hold,
                    "--answer",
                    "project=x",
                    "--name",
                    "Ann Lee",
                    "--email",
                    "a@b.c",
                )
                assert (await line_of(holding))["event"] == "gone"
                assert await holding.wait() == 0  # by itself
            assert (await told(watching, "BookingMade")).startswith("12:00–13:30 booked, confirmed: session with west")
            id, token = booked["booking"], booked["token"]
            assert (await states(tmp_path))["12:00"] == "full"
            shown = await plain(tmp_path, "show", id)
            assert shown.code == 0 and "answer project" in shown.out and "Ann" not in shown.out
            assert "Ann Lee, a@b.c" in (await plain(tmp_path, "show", id, "--reveal")).out
            moved = await booking(tmp_path, "reschedule", id, "--start", "+3 13:00", "--token", token)
            assert (moved["version"], moved["start"][11:16]) == (1, "13:00")
            assert "13:00–14:00" in await told(watching, "BookingMoved")
            assert [one["id"] for one in await booking(tmp_path, "list", "bookings", "--resource", "mics")] == [id]
            assert await refused(tmp_path, "cancel", id, "--token", "wrong") == "wrong_token"
            assert (await booking(tmp_path, "cancel", id, "--token", token))["status"] == "cancelled"
            assert (await told(watching, "BookingCancelled")).startswith("13:00–14:30 free again")
        assert set((await states(tmp_path)).values()) == {"free"}
        assert (await tidegate(tmp_path, "log", "verify", "--json")).data["sound"]


async def test_a_hold_that_is_let_go_of_is_free_at_once(tmp_path: Path) -> None:
    """Ctrl-C is enough; so is the time that was said."""
    async with up(tmp_path, *PROCESS, "--hosts", "1"):
        await set_up(tmp_path)
        async with following(tmp_path, "hold", "session", "west", "--start", "+3 12:00") as holding:
            await line_of(holding)
        assert (await states(tmp_path))["12:00"] == "free"
        ended = await plain(tmp_path, "hold", "session", "west", "--start", "+3 12:00", "--for", "0.1")
        assert ended.out.splitlines()[-1] == "released"
        assert (await states(tmp_path))["12:00"] == "free"


async def test_blocks_lines_and_calendar_files(tmp_path: Path) -> None:
    """A blocked day is full and has no month; who waits is offered what comes free; a feed strikes out what ended."""
    async with up(tmp_path, *PROCESS, "--hosts", "1"):
        await set_up(tmp_path)
        block = (await booking(tmp_path, "block", "west", "--date", "+4"))["block"]
        assert set((await states(tmp_path, "+4")).values()) == {"full"}
        await booking(tmp_path, "unblock", "west", block)
        assert set((await states(tmp_path, "+4")).values()) == {"free"}
        wish = ("session", "west", "--start", "+3 12:00")
        first = await booking(tmp_path, "book", *wish, "--answer", "project=x", "--email", "ann@example.org")
        waiting = await booking(tmp_path, "standby", *wish)
        assert waiting["ahead"] == 0
        await booking(tmp_path, "cancel", first["booking"], "--reason", "ill")
        async with asyncio.timeout(20):
            while (await states(tmp_path))["12:00"] != "held":  # the offer is made as soon as there is room
                pass
        assert await refused(tmp_path, "book", *wish, "--answer", "project=x") == "taken"
        offer = ("--hold", waiting["standby"], "--session", waiting["session"])
        second = await booking(tmp_path, "book", *wish, "--answer", "project=x", *offer)
        await plain(tmp_path, "feed", "west", "--days", "10", "--out", "west.ics")
        events = Calendar.from_ical((tmp_path / "west.ics").read_bytes()).walk("VEVENT")
        assert {str(event["uid"]): str(event["status"]) for event in events} == {
            f"{first['booking']}@mine": "CANCELLED",
            f"{second['booking']}@mine": "CONFIRMED",
        }
        written = await plain(tmp_path, "ics", first["booking"])
        assert written.code == 0 and "ann@example.org" not in written.out
        assert "ann@example.org" in (await plain(tmp_path, "ics", first["booking"], "--reveal")).out


async def test_a_series_is_booked_whole(tmp_path: Path) -> None:
    """Or the dates that clash are told, before and when it is asked for; without them it is booked, each visit by its
    own id."""
    async with up(tmp_path, *PROCESS, "--hosts", "1"):
        await set_up(tmp_path)
        answered = ("--answer", "project=x")
        taken = await booking(tmp_path, "book", "session", "west", "--start", "+4 12:00", *answered)
        asked = ("series", "session", "west", "--start", "+3 12:00", "--rule", "FREQ=DAILY;COUNT=3")
        checked = await tidegate(tmp_path, "booking", *asked, "--check", *MINE, "--json")
        assert checked.code == 1
        assert [one["fits"] for one in checked.data] == [True, False, True]
        date = taken["start"][:10]
        ended = await plain(tmp_path, *asked, *answered)
        assert ended.code == 1 and "refused[taken]" in ended.err and "visit 2" in ended.err
        assert [line.split()[-5] for line in ended.out.splitlines() if "it is taken" in line] == ["no"]
        assert set((await states(tmp_path)).values()) == {"free"}
        made = await booking(tmp_path, *asked, *answered, "--except", date)
        assert [one["start"][:10] == date for one in made["visits"]] == [False, False]
        assert (await states(tmp_path, "+5"))["12:00"] == "full"
        token, (first, second) = made["token"], made["visits"]
        assert (await booking(tmp_path, "cancel", first["booking"], "--token", token))["status"] == "cancelled"
        shown = await booking(tmp_path, "show", second["booking"])
        assert (shown["status"], list(shown["answers"])) == ("confirmed", ["project"])


async def test_a_demo_is_there_once_it_was_asked_for(tmp_path: Path) -> None:
    """Once; and what is not empty is refused."""
    async with up(tmp_path, *PROCESS, "--hosts", "1"):
        filled = (await tidegate(tmp_path, "demo", *MINE, "--json")).data
        assert filled["new"] > filled["bookings"] > 20
        assert (await tidegate(tmp_path, "demo", *MINE, "--json")).data["new"] == 0
        free = await booking(tmp_path, "month", "session", "studio-south")
        assert len(free) in range(28, 32)
        await tidegate(tmp_path, "send", "put_resource", "id=room", "time_zone=UTC", "--set", "org=other")
        again = await tidegate(tmp_path, "demo", "--set", "org=other")
        assert again.code == 1
        assert "error[not_empty]" in again.err
