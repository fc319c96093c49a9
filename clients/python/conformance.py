"""Does what all clients do with a real gateway, and holds this one to what comes of it:

    python clients/python/conformance.py http://127.0.0.1:8080 clients/conformance

The gateway has the demo organisation, and the environment variable `TIDEGATE_KEY` an API key of its owner. Ends with
status 0 when all is well. The words of the scenarios are explained in `clients/conformance/scenarios.py`. The vectors
are gone through by `tests/clients/test_vectors.py`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import re
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final, Self

from tidegate_client import (
    AsyncTidegate,
    Booker,
    DayView,
    Holding,
    MonthView,
    PlaceView,
    Problem,
    RoomView,
    Run,
    Stream,
)
from tidegate_client.streams.views import View

ORG: Final = "demo"
FORGED: Final = "ts.demo.abc.6b29def2.AAAA"
WITHIN_S: Final = 15.0
LOOK_EVERY_S: Final = 0.02
_NAMED: Final = re.compile(r"\{([a-z_0-9.]+)\}")


class Gateway:
    """Whoever asks it, and what they have been told so far."""

    def __init__(self, url: str, key: str) -> None:
        self._url: Final = url
        self._key: Final = key
        self._clients: Final[dict[str, AsyncTidegate]] = {}
        self._streams: Final[dict[str, Stream]] = {}
        self._ends: Final = AsyncExitStack()
        self._views: Final[dict[str, View]] = {}
        self._holdings: Final[dict[str, tuple[Holding, AsyncExitStack]]] = {}
        date = (dt.datetime.now(dt.UTC) + dt.timedelta(days=20)).date().isoformat()
        self._named: Final[dict[str, Any]] = {
            "run": f"{time.time_ns() // 1_000_000:x}",
            "date": date,
            "month": date[:7],
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._ends.aclose()

    async def do(self, step: dict[str, Any]) -> None:
        """One step of a scenario."""
        step = self._said(step)
        refused, name = step.get("refused"), step.get("as", "")
        try:
            async with asyncio.timeout(WITHIN_S):
                answer = await self._done(step, name)
        except Problem as problem:
            if refused is None:
                raise
            told = {"code": problem.code, "fault": problem.fault, "status": problem.status}
            _compare(refused, told)
            return
        assert refused is None, f"not refused: {answer}"
        _compare(step.get("gives", {"one_of": [answer]}), answer)
        if name:
            self._named[name] = answer

    async def _done(self, step: dict[str, Any], name: str) -> Any:
        match step:
            case {"do": operation, "guess": guess}:
                return await self._guessed(step["who"], operation, step["with"], guess)
            case {"do": operation}:
                return _plain(await self._asked(step, operation, dict(step["with"])))
            case {"watch": kind, "of": of}:
                view = await self._view(step["who"], kind, of)
                await view.begun()
                self._views[name] = view
            case {"topics": topics}:
                stream = await self._stream(step["who"])
                views = [View(stream, topic) for topic in topics]
                for view in views:
                    await view.begun()
                    view.leave()
            case {"until": of, "shows": shows}:
                while not _agrees(shows, _shown(self._views[of], shows)):
                    await self._changed(of, shows)
            case {"now": of, "shows": shows}:
                _compare(shows, _shown(self._views[of], shows))
            case {"reaches": other}:
                await (await self._stream(step["who"])).reached((await self._client(other)).position)
            case {"holding": wanted}:
                ends = AsyncExitStack()
                held = await ends.enter_async_context((await self._client(step["who"])).holding(**wanted))
                self._holdings[name] = held, ends
            case {"outlives": of}:
                held = self._holdings[of][0]
                first = held.held.expires_at
                await _until(
                    lambda: held.expires_at > first and dt.datetime.now(dt.UTC) > dt.datetime.fromisoformat(first)
                )
                assert held.lost is None
            case {"lets_go": of}:
                await self._holdings[of][1].aclose()
            case {"same": [one, other]}:
                _compare(other, sorted(one) if step.get("sorted") else one)
            case _:
                raise AssertionError(f"no client knows what that is: {step}")
        return None

    async def _changed(self, name: str, shows: Any) -> None:
        try:
            await self._views[name].changed()
        except asyncio.CancelledError:
            raise AssertionError(f"{name} shows {_shown(self._views[name], shows)}, not {shows}") from None

    # Who asks, and for what

    async def _client(self, who: str) -> AsyncTidegate:
        if who not in self._clients:
            token = {"owner": self._key, "forged": FORGED}.get(who, "")
            client = await self._ends.enter_async_context(AsyncTidegate(self._url, ORG, token=token))
            self._clients[who] = client if token else await client.visitor()
        return self._clients[who]

    async def _stream(self, who: str) -> Stream:
        if who not in self._streams:
            self._streams[who] = await self._ends.enter_async_context((await self._client(who)).stream())
        return self._streams[who]

    async def _asked(self, step: dict[str, Any], operation: str, given: dict[str, Any]) -> Any:
        client = await self._client(step["who"])
        one: Any = await self._stream(step["who"]) if step.get("over") == "stream" else client
        if "key" in step:
            one = client.but(key=step["key"])
        if "booker" in given:
            given["booker"] = Booker(**given["booker"])
        if operation == "bookings":
            return {"bookings": [found.booking async for found in client.bookings(**given)]}
        return await getattr(one, operation)(**given)

    async def _guessed(self, who: str, operation: str, given: dict[str, Any], guess: dict[str, Any]) -> Any:
        view = self._views[guess["of"]]
        assert isinstance(view, DayView)
        ask = getattr(await self._stream(who), operation).ask(**given)
        done = asyncio.ensure_future(view.attempt(ask, holds=Run(*guess["holds"])))
        await asyncio.sleep(0)
        _compare(guess["shows"], _shown(view, guess["shows"]))
        return _plain(await done)

    async def _view(self, who: str, kind: str, of: dict[str, Any]) -> View:
        stream = await self._stream(who)
        match kind:
            case "day":
                return stream.day(**of)
            case "month":
                return stream.month(**of)
            case "room":
                return stream.room(**of)
            case "ticket":
                return stream.place(await (await self._client(who)).ticket(**of))
            case "topic":
                return View(stream, of["topic"])
        raise AssertionError(f"no client knows how to watch a {kind}")

    def _said(self, said: Any) -> Any:
        """With what its names stand for."""
        match said:
            case dict():
                return {self._said(name): self._said(one) for name, one in said.items()}
            case list():
                return [self._said(one) for one in said]
            case str() if whole := _NAMED.fullmatch(said):
                return self._found(whole[1])
            case str():
                return _NAMED.sub(lambda found: str(self._found(found[1])), said)
        return said

    def _found(self, path: str) -> Any:
        found: Any = self._named
        for name in path.split("."):
            found = found[name]
        return found


def _plain(answer: Any) -> Any:
    """As it was on the wire."""
    if is_dataclass(answer):
        return {one.name.rstrip("_"): _plain(getattr(answer, one.name)) for one in fields(answer)}
    return [_plain(one) for one in answer] if isinstance(answer, tuple | list) else answer


def _shown(view: View, wanted: dict[str, Any]) -> dict[str, Any]:
    match view:
        case DayView():
            runs = [[one.first, one.end, one.use, one.units] for one in view.runs()]
            visits = [[first, end, *view.visit(first, end)] for first, end, *_ in wanted.get("visits", ())]
            return {"runs": runs, "visits": visits}
        case MonthView():
            return {"busy": {date: slots.bit_count() for date, slots in view.busy().items() if slots}}
        case RoomView():
            return {"phase": view.room.phase, "waiting": view.waiting}
        case PlaceView():
            return {"state": view.state, "ahead": view.ahead}
    state = view._stream.seen(view.topics[0])  # noqa: SLF001  # any topic at all has no view of its own
    return {name: getattr(state, name) for name in wanted}


def _agrees(wanted: Any, found: Any) -> bool:
    match wanted:
        case {"one_of": those}:
            return any(_agrees(one, found) for one in those)
        case {"has": member}:
            return any(_agrees(member, one) for one in found)
        case dict() if "busy" in wanted:
            return bool(wanted == found)
        case dict():
            return isinstance(found, dict) and all(
                name in found and _agrees(wanted[name], found[name]) for name in wanted
            )
    return bool(wanted == found)


def _compare(wanted: Any, found: Any) -> None:
    assert _agrees(wanted, found), f"{found} is not {wanted}"


async def _until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110  # a clock tells nobody when it is later
        await asyncio.sleep(LOOK_EVERY_S)


async def live(url: str, folder: Path, key: str) -> int:
    """How many scenarios did not go as they are written."""
    failed = 0
    async with Gateway(url, key) as gateway:
        for case in json.loads((folder / "live.json").read_text("utf-8"))["cases"]:
            step: Any = None
            try:
                for step in case["steps"]:
                    await gateway.do(step)
            except Exception:  # noqa: BLE001  # whatever it was, the others are still of interest
                failed += 1
                sys.stderr.write(f"not ok: {case['name']}\n{json.dumps(step)}\n{traceback.format_exc()}\n")
            else:
                sys.stdout.write(f"live: {case['name']} ({len(case['steps'])} steps)\n")
    return failed


def main() -> None:
    url, folder = sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parents[1] / "conformance"
    failed = asyncio.run(live(url, folder, os.environ["TIDEGATE_KEY"]))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
