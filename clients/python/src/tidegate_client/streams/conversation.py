"""A conversation over sockets, one after another, without any I/O: what to say, and what to believe of what is heard.

A topic is begun by `snapshot`, `resumed` or `reset`; then come deltas, each with the positions before and after it. One
that leads no further than where the topic stands is known; one that begins there is taken in, and so is one of what is
gathered, by whoever stands within what it spans; at anything else, something was missed: the topic is left and begun
anew. A connection that is lost is made again after a while, and each topic goes on from where it stands.

    asked ──▶ begun ──▶ (deltas) ──▶ …
      ▲         │ gap, or nothing to go on from
      └─────────┘
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from tidegate_client.limits import BACK_MS_FIRST, BACK_MS_MAX
from tidegate_client.problems import Problem, problem_told
from tidegate_client.streams.states import GATHERED, StartOver, State, kind_of, read_state, state_after

Why: TypeAlias = Literal["snapshot", "resumed", "reset", "delta", "failed"]
Does: TypeAlias = Literal["take", "ignore", "start_over"]
NOTHING_YET: Final = object()
"""The state of a topic that has not begun."""


@dataclass(frozen=True)
class Change:
    """What is new of a topic: its `state` now, and where that stands. `delta` is what was told, as JSON has it; a
    topic that cannot be followed has a `problem`."""

    topic: str
    why: Why
    position: str = ""
    state: State = None
    delta: Mapping[str, Any] | None = None
    reset_because: str = ""
    problem: Problem | None = None


@dataclass(frozen=True)
class Reply:
    """What came of something that was asked for by its id."""

    id: int
    answer: Any = None
    position: str = ""
    problem: Problem | None = None


Heard: TypeAlias = Change | Reply


class Topic:
    def __init__(self, name: str, token: str) -> None:
        self.name: Final = name
        self.token: Final = token
        self.position = ""
        self.state: State = NOTHING_YET
        self.asked = 0
        """The id under which it was asked for last; 0 when it is to be asked for."""
        self.begun = False
        """Whether deltas of it are to be believed, over this connection."""


def split(position: str) -> tuple[str, int]:
    epoch, _, sequence = position.rpartition(":")
    return epoch, int(sequence)


def does(topic: str, mine: str, before: str, after: str) -> Does:
    """What a delta is to whoever stands there."""
    epoch, stands = split(mine)
    told, begins = split(before)
    ends = split(after)[1]
    if epoch != told:
        return "start_over"
    if ends <= stands:
        return "ignore"
    if begins == stands or (begins < stands and kind_of(topic) in GATHERED):
        return "take"
    return "start_over"


class Conversation:
    def __init__(self, dice: Callable[[], float]) -> None:
        self._dice: Final = dice
        self._topics: Final[dict[str, Topic]] = {}
        self._says: Final[list[dict[str, Any]]] = []
        self._last_id = 0
        self._open = False
        self._lost = 0
        """How often in a row the connection was lost before anything was heard."""
        self._away_ms: int | None = None
        """How long to stay away, as a gateway has said."""
        self._marks: Final[dict[int, str]] = {}
        """Positions that are waited for, by the ids of the requests."""
        self._calls: Final[dict[int, dict[str, Any]]] = {}
        """What was asked for and is not answered, by its id. It is asked for again over the next connection."""
        self._later: Final[set[str]] = set()
        """Topics to be asked for anew after a while."""
        self.session = ""

    # What is asked for

    def follow(self, topic: str, token: str = "") -> None:
        if topic not in self._topics:
            self._topics[topic] = Topic(topic, token)
            if self._open:
                self._subscribe(self._topics[topic])

    def leave(self, topic: str) -> None:
        if self._topics.pop(topic, None) is not None and self._open:
            self._say("unsubscribe", topic=topic)

    def topic(self, name: str) -> Topic | None:
        return self._topics.get(name)

    def new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def mark(self, position: str) -> int:
        """Have it told when everything through there was told: a `Reply` of the id that is answered."""
        id = self.new_id()
        self._marks[id] = position
        self._say_marks(id)
        return id

    def call(self, **about: Any) -> int:
        """Have something done. A `Reply` of the id that is answered says what came of it."""
        id = self.new_id()
        self._calls[id] = {"type": "call", "id": id, **about}
        if self._open:
            self._says.append(self._calls[id])
        return id

    def give_up(self, id: int) -> None:
        """Nobody waits for the answer any more."""
        self._calls.pop(id, None)
        self._marks.pop(id, None)

    def ask_later(self, topic: str) -> None:
        """Somebody sees to it that it is asked for again."""
        self._later.discard(topic)

    def ask_again(self, topic: str) -> None:
        """For a topic that could not be followed at the moment."""
        found = self._topics.get(topic)
        if found is not None and self._open and not found.asked:
            self._subscribe(found, since=found.position)

    @property
    def to_ask_again(self) -> frozenset[str]:
        return frozenset(self._later)

    # The connection

    def opened(self) -> None:
        """There is a connection: everything that is followed is asked for, from where it stands."""
        self._open = True
        self._says.clear()
        for topic in self._topics.values():
            self._subscribe(topic, since=topic.position)
        self._says.extend(self._calls.values())
        self._say_marks(*self._marks)

    def lost(self) -> None:
        self._open = False
        self._lost += 1
        self._says.clear()
        for topic in self._topics.values():
            topic.asked, topic.begun = 0, False

    def back_after_ms(self) -> float:
        """How long to stay away, so that not everybody comes back at once."""
        away_ms, self._away_ms = self._away_ms, None
        if away_ms is not None:
            return away_ms * (1 + self._dice())
        return min(BACK_MS_FIRST << min(max(self._lost - 1, 0), 16), BACK_MS_MAX) * self._dice()

    def to_say(self) -> list[dict[str, Any]]:
        """Messages that are to be sent, in order. Each is given out once."""
        says, self._says[:] = list(self._says), []
        return says

    # Hearing

    def hear(self, message: Mapping[str, Any]) -> list[Heard]:
        """Take in what was heard, and answer what is new by it."""
        self._lost = 0
        match message.get("type"):
            case "snapshot" | "reset" | "resumed":
                return list(self._begins(message))
            case "delta":
                return list(self._changes(message))
            case "result":
                self._calls.pop(int(message["id"]), None)
                return [Reply(int(message["id"]), message.get("answer"), message.get("position") or "")]
            case "synced":
                return list(self._synced(message))
            case "error":
                return list(self._fails(message))
            case "hello":
                self.session = str(message.get("session", ""))
            case "goaway":
                self._away_ms = int(message.get("after_ms", 0))
            case _:
                pass  # a newer gateway may say more
        return []

    def _begins(self, message: Mapping[str, Any]) -> Iterator[Heard]:
        topic = self._topics.get(str(message["topic"]))
        id = message.get("id")
        if topic is None or (id is not None and id != topic.asked):
            return  # it was left since, or begun anew
        topic.begun, topic.position = True, str(message["position"])
        why: Why = message["type"]
        if why != "resumed":
            topic.state = read_state(topic.name, message.get("state"))
        yield Change(topic.name, why, topic.position, topic.state, reset_because=str(message.get("why", "")))
        if all(one.begun for one in self._topics.values()):
            self._say_marks(*self._marks)

    def _changes(self, message: Mapping[str, Any]) -> Iterator[Heard]:
        topic = self._topics.get(str(message["topic"]))
        if topic is None or not topic.begun:
            return
        match does(topic.name, topic.position, str(message["before"]), str(message["after"])):
            case "ignore":
                return
            case "take":
                try:
                    topic.state = state_after(topic.name, topic.state, message["delta"])
                except StartOver:
                    self._start_over(topic)
                    return
                topic.position = str(message["after"])
                yield Change(topic.name, "delta", topic.position, topic.state, message["delta"])
            case _:
                self._start_over(topic)

    def _synced(self, message: Mapping[str, Any]) -> Iterator[Heard]:
        id = int(message["id"])
        if self._marks.pop(id, None) is not None:
            yield Reply(id, position=str(message.get("position", "")))

    def _fails(self, message: Mapping[str, Any]) -> Iterator[Heard]:
        id, problem = message.get("id"), problem_told(message)
        topic = self._topics.get(str(message.get("topic", "")))
        if topic is not None and id is not None and id != topic.asked:
            return  # it was begun anew since
        if topic is None and id is not None:
            topic = next((one for one in self._topics.values() if one.asked == id), None)
        if topic is None:
            if id is not None:
                self.give_up(int(id))
                yield Reply(int(id), problem=problem)
            return
        topic.asked, topic.begun = 0, False
        if problem.again:
            self._later.add(topic.name)
        else:
            del self._topics[topic.name]
            yield Change(topic.name, "failed", problem=problem)

    # Saying

    def _start_over(self, topic: Topic) -> None:
        self._say("unsubscribe", topic=topic.name)
        self._subscribe(topic)

    def _subscribe(self, topic: Topic, since: str = "") -> None:
        topic.begun = False
        about = {"topic": topic.name} | ({"from": since} if since else {})
        topic.asked = self._say("subscribe", **about, **({"token": topic.token} if topic.token else {}))

    def _say(self, kind: str, **about: Any) -> int:
        id = self.new_id()
        self._says.append({"type": kind, "id": id, **about})
        return id

    def _say_marks(self, *ids: int) -> None:
        """Not before every topic has begun: whatever is told of it then is told behind that."""
        if self._open and all(one.begun for one in self._topics.values()):
            for id in ids:
                self._says.append({"type": "sync", "id": id, "position": self._marks[id]})
