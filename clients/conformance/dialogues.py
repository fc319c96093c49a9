"""What a client says over a socket and what it is told, step by step: how it begins, resumes and starts over.

A dialogue is a list of steps, each with one key:

    do        what the client's user asks for: `{"follow": [topics]}`, `{"leave": [topics]}`
    open      a connection has been made: the server's `hello` is the next thing that is heard
    lost      the connection is gone, without a word
    hear      a message from the server
    says      the messages that the client has said since the step before, in order; ids are left out
    shows     by topic, the position and the state that the client shows now; `null` while it shows nothing yet
    comes_back  how long the client waits before it connects anew, as `[at least, at most]` milliseconds
    asks_again  the time has passed after which a topic that could not be followed is asked for anew
    told      what the user was told since the step before, in order: `[topic, why]`, `why` being `snapshot`,
              `resumed`, `reset`, `delta`, `failed`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from clients.conformance.folds import EPOCH

OTHER: Final = "ba9876543210"
HOLDS: Final = "holds/room/2026-12-07"
BLOCK: Final = "block/launch/0"
MONTH: Final = "month/room/2026-12"
EMPTY: Final = "0" * 24
FIRST: Final = "0" * 22 + "03"
BOTH: Final = "0" * 22 + "0f"
SOME: Final = {"held": FIRST, "units": [[0, 2, 1]]}
MORE: Final = {"held": BOTH, "units": [[0, 4, 1]]}
NONE: Final = {"held": EMPTY, "units": []}
HELLO: Final = {"type": "hello", "id": None, "epoch": EPOCH, "session": ""}


def at(sequence: int, epoch: str = EPOCH) -> str:
    return f"{epoch}:{sequence}"


def subscribe(topic: str, since: int | None = None, epoch: str = EPOCH) -> Any:
    said = {"type": "subscribe", "topic": topic}
    return said if since is None else said | {"from": at(since, epoch)}


def begins(kind: str, topic: str, sequence: int, state: Any = None, *, why: str = "", epoch: str = EPOCH) -> Any:
    """`id` is that of the last request about the topic, which a runner puts there."""
    said: dict[str, Any] = {"type": kind, "id": "its", "topic": topic, "position": at(sequence, epoch)}
    if why:
        said["why"] = why
    return said if kind == "resumed" else said | {"state": state}


def unasked(topic: str, sequence: int, state: Any, why: str) -> Any:
    return begins("reset", topic, sequence, state, why=why) | {"id": None}


def holds(before: int, after: int, set_: str, cleared: str, units: Any) -> Any:
    delta = {"delta": "holds", "held_set": set_, "held_cleared": cleared, "held": units}
    return {"type": "delta", "topic": HOLDS, "before": at(before), "after": at(after), "delta": delta}


def block(before: int, after: int, waiting: str) -> Any:
    delta = {"delta": "block", "waiting": waiting}
    return {"type": "delta", "topic": BLOCK, "before": at(before), "after": at(after), "delta": delta}


def shows(topic: str, sequence: int, state: Any, epoch: str = EPOCH) -> Any:
    return {"shows": {topic: {"position": at(sequence, epoch), "state": state}}}


MORE_HELD: Final = holds(5, 9, "0" * 22 + "0c", EMPTY, [[2, 4, 1]])
BEGUN: Final[tuple[Any, ...]] = (
    {"do": {"follow": [HOLDS]}},
    {"open": True},
    {"hear": HELLO},
    {"says": [subscribe(HOLDS)]},
    {"hear": begins("snapshot", HOLDS, 5, SOME)},
    {"told": [[HOLDS, "snapshot"]]},
)


def cases() -> Iterator[Any]:
    for name, steps in DIALOGUES.items():
        yield {"name": name, "steps": list(steps)}


DIALOGUES: Final[dict[str, tuple[Any, ...]]] = {
    "a topic begins with a snapshot and goes on by deltas": (
        *BEGUN,
        shows(HOLDS, 5, SOME),
        {"hear": MORE_HELD},
        shows(HOLDS, 9, MORE),
        {"told": [[HOLDS, "delta"]]},
        {"says": []},
    ),
    "nothing is shown before the topic has begun": (
        {"do": {"follow": [HOLDS]}},
        {"open": True},
        {"hear": HELLO},
        {"shows": {HOLDS: None}},
        {"hear": MORE_HELD},
        {"shows": {HOLDS: None}},
        {"told": []},
    ),
    "a delta that was heard before changes nothing": (
        *BEGUN,
        {"hear": MORE_HELD},
        {"told": [[HOLDS, "delta"]]},
        {"hear": MORE_HELD},
        shows(HOLDS, 9, MORE),
        {"told": []},
    ),
    "after a gap the topic is left and begun anew": (
        *BEGUN,
        {"hear": holds(7, 9, EMPTY, FIRST, [[0, 2, 0]])},
        {"says": [{"type": "unsubscribe", "topic": HOLDS}, subscribe(HOLDS)]},
        {"hear": MORE_HELD},
        shows(HOLDS, 5, SOME),
        {"hear": begins("snapshot", HOLDS, 11, NONE)},
        shows(HOLDS, 11, NONE),
        {"told": [[HOLDS, "snapshot"]]},
    ),
    "a lost connection is resumed where each topic stands": (
        *BEGUN,
        {"hear": MORE_HELD},
        {"lost": True},
        {"comes_back": [0, 1_000]},
        shows(HOLDS, 9, MORE),
        {"open": True},
        {"hear": HELLO},
        {"says": [subscribe(HOLDS, 9)]},
        {"hear": begins("resumed", HOLDS, 9)},
        {"hear": holds(9, 12, EMPTY, "0" * 22 + "0f", [[0, 4, 0]])},
        shows(HOLDS, 12, NONE),
        {"told": [[HOLDS, "delta"], [HOLDS, "resumed"], [HOLDS, "delta"]]},
    ),
    "where it cannot be resumed, a reset says how things are": (
        *BEGUN,
        {"lost": True},
        {"comes_back": [0, 1_000]},
        {"open": True},
        {"hear": HELLO},
        {"says": [subscribe(HOLDS, 5)]},
        {"hear": begins("reset", HOLDS, 40, NONE, why="too_old")},
        shows(HOLDS, 40, NONE),
        {"told": [[HOLDS, "reset"]]},
    ),
    "another log is another epoch: the position is sent all the same, and reset": (
        *BEGUN,
        {"lost": True},
        {"comes_back": [0, 1_000]},
        {"open": True},
        {"hear": HELLO | {"epoch": OTHER}},
        {"says": [subscribe(HOLDS, 5)]},
        {"hear": begins("reset", HOLDS, 2, NONE, why="other_log", epoch=OTHER)},
        shows(HOLDS, 2, NONE, OTHER),
    ),
    "a reset that nobody asked for counts": (
        *BEGUN,
        {"hear": unasked(HOLDS, 30, NONE, "slow")},
        shows(HOLDS, 30, NONE),
        {"told": [[HOLDS, "reset"]]},
        {"says": []},
    ),
    "goaway says how long to stay away": (
        *BEGUN,
        {"hear": {"type": "goaway", "id": None, "why": "stopping", "after_ms": 3_200}},
        {"lost": True},
        {"comes_back": [3_200, 6_400]},
        {"open": True},
        {"hear": HELLO},
        {"says": [subscribe(HOLDS, 5)]},
    ),
    "who cannot connect waits longer each time, up to half a minute": (
        {"do": {"follow": [HOLDS]}},
        {"lost": True},
        {"comes_back": [0, 1_000]},
        {"lost": True},
        {"comes_back": [0, 2_000]},
        {"lost": True},
        {"comes_back": [0, 4_000]},
        {"lost": True},
        {"lost": True},
        {"lost": True},
        {"lost": True},
        {"lost": True},
        {"comes_back": [0, 30_000]},
        {"open": True},
        {"hear": HELLO},
        {"lost": True},
        {"comes_back": [0, 1_000]},
    ),
    "what is gathered takes on whoever stands within it": (
        {"do": {"follow": [BLOCK]}},
        {"open": True},
        {"hear": HELLO},
        {"says": [subscribe(BLOCK)]},
        {"hear": begins("snapshot", BLOCK, 7, {"lane": "", "index": 0, "waiting": "AQ=="})},
        {"hear": block(4, 9, "Aw==")},
        shows(BLOCK, 9, {"lane": "", "index": 0, "waiting": "Aw=="}),
        {"hear": block(5, 8, "AA==")},
        shows(BLOCK, 9, {"lane": "", "index": 0, "waiting": "Aw=="}),
        {"hear": block(12, 15, "AA==")},
        {"says": [{"type": "unsubscribe", "topic": BLOCK}, subscribe(BLOCK)]},
    ),
    "a topic that cannot be followed says so, and is not asked for again": (
        {"do": {"follow": [HOLDS]}},
        {"open": True},
        {"hear": HELLO},
        {"says": [subscribe(HOLDS)]},
        {"hear": {
            "type": "error", "id": "its", "problem": "urn:tidegate:problem:unknown_resource", "title": "x",
            "status": 404, "code": "unknown_resource", "detail": "there is no resource 'room'", "fault": "caller",
        }},
        {"told": [[HOLDS, "failed"]]},
        {"shows": {HOLDS: None}},
        {"lost": True},
        {"comes_back": [0, 1_000]},
        {"open": True},
        {"hear": HELLO},
        {"says": []},
    ),
    "a topic that cannot be followed at the moment is asked for again": (
        {"do": {"follow": [HOLDS]}},
        {"open": True},
        {"hear": HELLO},
        {"says": [subscribe(HOLDS)]},
        {"hear": {
            "type": "error", "id": "its", "problem": "urn:tidegate:problem:not_answered", "title": "x", "status": 503,
            "code": "not_answered", "detail": "the read models do not answer at the moment", "fault": "busy",
            "retry_after_ms": 200,
        }},
        {"asks_again": HOLDS},
        {"says": [subscribe(HOLDS)]},
        {"told": []},
    ),
    "a topic that is lost later is named, and is asked for again": (
        *BEGUN,
        {
            "hear": {
                "type": "error", "id": None, "topic": HOLDS, "problem": "urn:tidegate:problem:not_answered",
                "title": "x", "status": 503, "code": "not_answered", "detail": "at the moment", "fault": "busy",
                "retry_after_ms": 200,
            }
        },
        {"hear": MORE_HELD},
        shows(HOLDS, 5, SOME),
        {"asks_again": HOLDS},
        {"says": [subscribe(HOLDS, 5)]},
    ),
    "a delta that says nothing to this state is a reason to start over": (
        {"do": {"follow": [MONTH]}},
        {"open": True},
        {"hear": HELLO},
        {"says": [subscribe(MONTH)]},
        {"hear": begins("snapshot", MONTH, 3, {"capacity": 2, "untouched": False, "days": {}})},
        {"hear": {
            "type": "delta", "topic": MONTH, "before": at(3), "after": at(8),
            "delta": {"delta": "units", "capacity": 1},
        }},
        {"says": [{"type": "unsubscribe", "topic": MONTH}, subscribe(MONTH)]},
    ),
    "what is left is not taken up again": (
        *BEGUN,
        {"do": {"leave": [HOLDS]}},
        {"says": [{"type": "unsubscribe", "topic": HOLDS}]},
        {"hear": MORE_HELD},
        {"told": []},
        {"lost": True},
        {"comes_back": [0, 1_000]},
        {"open": True},
        {"hear": HELLO},
        {"says": []},
    ),
    "messages of a kind that is not known are passed over": (
        *BEGUN,
        {"hear": {"type": "weather", "id": None, "sun": True}},
        {"hear": {"type": "delta", "topic": "holds/other/2026-12-07", "before": at(1), "after": at(2), "delta": {}}},
        shows(HOLDS, 5, SOME),
        {"says": []},
    ),
}  # fmt: skip
