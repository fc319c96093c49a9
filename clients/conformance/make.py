"""Makes the vectors that clients are held to, from the server's own code: `python -m clients.conformance.make`.

Each file is plain JSON; README.md says what each is. What follows from the server is worked out by the server here, so
that a client which agrees with the vectors agrees with it; what a client says and when (`streams.json`) is written down
in `dialogues`, because only a client decides that, and what is done with a real gateway (`live.json`) in `scenarios`.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast

from clients.conformance import dialogues, folds, scenarios
from clients.conformance.folds import place, plain
from events.waiting import work
from gateway.problems import Problem, not_known
from gateway.streams.hub import Hub
from gateway.streams.live import Live, Step
from gateway.streams.topics import topic_of
from gateway.webhooks.signing import shown, signature

FOLDER: Final = Path(__file__).parent
_TOPICS: Final = ("day/room/2026-12-07", "holds/room/2026-12-07", "room/launch", "block/launch/0", "numbers/launch")


def following() -> list[Any]:
    """What a delta is to whoever stands there: taken, ignored, or a reason to start over. By the gateway's own rule: a
    topic that has missed something, and that nobody follows, is forgotten."""

    async def run() -> list[Any]:
        found = []
        for name in _TOPICS:
            for mine, before, after in (
                (5, 5, 9), (5, 4, 9), (5, 6, 9), (5, 0, 5), (5, 1, 4), (5, 5, 5), (0, 0, 3), (3, 9, 9), (8, 5, 9),
                (9, 5, 9), (4, 5, 9), (2, 0, 3), (10, 5, 9),
            ):  # fmt: skip
                live = Live(cast("Hub", None), "demo", topic_of(name))  # where it stands is all that is asked here
                live.position = mine
                live.hear(Step(before, after, b"{}"))
                does = "start_over" if live.position < 0 else "take" if live.position != mine else "ignore"
                found.append(
                    {"topic": name, "mine": place(mine), "before": place(before), "after": place(after), "does": does}
                )
        return found

    return asyncio.run(run())


def problems() -> Iterator[Any]:
    """Answers that are none, and what a client makes of them; `again` is whether the same may be asked again."""
    told = (
        Problem("taken", "somebody was quicker", "late"),
        Problem("unknown_booking", "there is no such booking"),
        Problem("unauthenticated", "show who you are"),
        Problem("not_permitted", "you may not"),
        Problem("malformed", "Expected `str`, got `int` - at `$.event_type`"),
        Problem("hold_gone", "the hold has ended", "late"),
        Problem("idempotency_key_reused", "this Idempotency-Key belongs to another request of yours"),
        Problem("position_unknown", "that position is one of another log", "late"),
        Problem("too_many_requests", "too many requests", retry_after_ms=1_250),
        Problem("busy", "too much is under way", "busy"),
        Problem("not_settled", "it is being set up", "busy", retry_after_ms=30_000),
        Problem("deadline_passed", "the time that was given for it is over", "late"),
        Problem("internal", "this is our fault, and it is in our log", "ours"),
        not_known(),
    )
    for problem in told:
        again = problem.retry_after_ms is not None
        expected = {"code": problem.code, "detail": str(problem), "fault": problem.fault, "status": problem.status}
        expected |= {"retry_after_ms": problem.retry_after_ms, "again": again}
        yield {"status": problem.status, "headers": {}, "body": json.dumps(plain(problem.told)), "problem": expected}
    for status, headers, body, after_ms in (
        (502, {}, "<html>Bad gateway</html>", None),
        (503, {"retry-after": "3"}, "", 3_000),
        (504, {"retry-after": "soon"}, "{not json", None),
    ):
        expected = {"code": f"http_{status}", "fault": "busy", "status": status, "retry_after_ms": after_ms}
        expected |= {"again": True}
        yield {"status": status, "headers": headers, "body": body, "problem": expected}
    for status in (404, 413, 500):
        fault = "ours" if status == 500 else "caller"
        expected = {"code": f"http_{status}", "fault": fault, "status": status, "retry_after_ms": None, "again": False}
        yield {"status": status, "headers": {}, "body": "[]", "problem": expected}


def webhooks() -> Iterator[Any]:
    """Deliveries as they arrive, and whether they are ours. A delivery may be 300 s old."""
    keys = [b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), bytes(range(32)), bytes(range(1, 33))]
    at, body = 1_780_308_000, '{"type":"booking.confirmed","name":"Žofie × 2"}'
    one, both = signature(keys[:1], "17-0", at, body.encode()), signature(keys[1:], "17-0", at, body.encode())
    for name, secret, id, timestamp, header, said, now, flaw in (
        ("good", keys[0], "17-0", str(at), one, body, at + 3, None),
        ("the newer of two secrets", keys[1], "17-0", str(at), both, body, at, None),
        ("the older of two secrets", keys[2], "17-0", str(at), both, body, at, None),
        ("beside a signature of another version", keys[0], "17-0", str(at), f"v2,AAAA {one}", body, at, None),
        ("another secret", keys[1], "17-0", str(at), one, body, at, "bad_signature"),
        ("another body", keys[0], "17-0", str(at), one, body + " ", at, "bad_signature"),
        ("another id", keys[0], "17-1", str(at), one, body, at, "bad_signature"),
        ("another time", keys[0], "17-0", str(at + 1), one, body, at, "bad_signature"),
        ("only another version", keys[0], "17-0", str(at), one.replace("v1,", "v2,"), body, at, "bad_signature"),
        ("no base64", keys[0], "17-0", str(at), "v1,***", body, at, "bad_signature"),
        ("as old as may be", keys[0], "17-0", str(at), one, body, at + 300, None),
        ("too old", keys[0], "17-0", str(at), one, body, at + 301, "too_old"),
        ("from the future", keys[0], "17-0", str(at), one, body, at - 301, "too_new"),
        ("no number for a time", keys[0], "17-0", "noon", one, body, at, "bad_headers"),
        ("a time with a sign", keys[0], "17-0", f"+{at}", one, body, at, "bad_headers"),
        ("no signature", keys[0], "17-0", str(at), None, body, at, "bad_headers"),
    ):
        headers = {"Webhook-Id": id, "Webhook-Timestamp": timestamp, "webhook-signature": header}
        given = {key: value for key, value in headers.items() if value is not None}
        yield {"name": name, "secret": shown(secret), "headers": given, "body": said, "now": now, "flaw": flaw}


def works() -> Iterator[Any]:
    """Proof of work: the first that is good, counting the nonce up from 0 in hexadecimal."""
    for room, visitor, bits in (
        ("launch", "0" * 32, 0),
        ("launch", "9f86d081884c7d659a2feaa0c55ad015", 4),
        ("premiere-2", "9f86d081884c7d659a2feaa0c55ad015", 9),
        ("launch", "a" * 32, 13),
    ):
        at = 1_780_308_000_000 + bits * 61_000
        done = work.done(room, visitor, bits, at)
        yield {"room": room, "visitor": visitor, "bits": bits, "at_ms": at, "work": done}


MADE: Final[dict[str, tuple[str, Callable[[], Any]]]] = {
    "deltas": ("what deltas make of topics", lambda: [
        *folds.calendar_cases(), *folds.booking_cases(), *folds.room_cases(),
    ]),
    "gathered": ("one delta for everybody who stands within it", lambda: list(folds.gathered_cases())),
    "following": ("what a delta is to whoever stands there", following),
    "slots": ("what is free, by a day and its holds", lambda: list(folds.slot_cases())),
    "places": ("how many are ahead, by a room and a block", lambda: list(folds.place_cases())),
    "streams": ("what is said over a socket, and what it comes to", lambda: list(dialogues.cases())),
    "problems": ("answers that are none", lambda: list(problems())),
    "webhooks": ("whether a delivery is ours", lambda: list(webhooks())),
    "work": ("proof of work", lambda: list(works())),
    "live": ("what is done with a real gateway, and what comes of it", lambda: list(scenarios.cases())),
}  # fmt: skip


def text_of(name: str) -> str:
    """A file of vectors: one case to a line, so that a change shows as what it is."""
    what, make = MADE[name]
    cases = ",\n".join(json.dumps(plain(case), ensure_ascii=False, separators=(",", ":")) for case in make())
    return f'{{"what":{json.dumps(what)},"cases":[\n{cases}\n]}}\n'


def main() -> None:
    for name in MADE:
        (FOLDER / f"{name}.json").write_text(text_of(name), "utf-8")


if __name__ == "__main__":
    main()
