"""An exchange: one thing that is asked for, with all its tries, without any I/O.

A write has one Idempotency-Key for all of them, so that it is done once, whatever became of the first. It is asked for
again when nobody answered, or when the answer says so; not before it says, and not at the very moment that everybody
else does. Whatever does not end within the time that it was given is raised as it was last heard of.

    exchange = Exchange(...)
    while (pause_s := exchange.heard(...send(exchange.request()))) is not None:
        sleep(pause_s)
    return exchange.answer
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, Generic, TypeVar
from uuid import uuid4

from tidegate_client.asking import Ask
from tidegate_client.limits import (
    ANSWER_ON_ITS_WAY_S,
    FIRST_PAUSE_MS,
    PAUSE_MS_MAX,
    TRIES_MAX,
    TRY_MS_MAX,
    TRY_MS_MIN,
    TRY_S,
    WITHIN_S,
)
from tidegate_client.problems import Problem, misread, not_reached, problem_of
from tidegate_client.reading import Misread

T = TypeVar("T")

POSITION: Final = "tidegate-position"
_POSITION: Final = re.compile(r"([0-9a-f]{12}):(\d{1,15})", re.ASCII)


@dataclass(frozen=True)
class Manner:
    """How one asks: as whom, for how long. `token` is an API key, a session's token or one of an issuer; `session`
    that of the visitor for whom a server acts; `shown_pass` opens what is behind a waiting room. With a `key`, the
    Idempotency-Key is that one, and not made up: for what is to be done once even if this process ends meanwhile."""

    org: str
    token: str = field(default="", repr=False)
    session: str = field(default="", repr=False)
    visitor: str = ""
    """What the visitor is called in lines."""
    shown_pass: str = field(default="", repr=False)
    key: str = ""
    within_s: float = WITHIN_S
    tries_max: int = TRIES_MAX


class Seen:
    """The highest position that was told: nothing older is read from then on. Shared by threads."""

    def __init__(self) -> None:
        self.position = ""
        self._lock: Final = Lock()

    def note(self, told: str | None) -> None:
        found = _POSITION.fullmatch(told or "")
        if found is None:
            return
        with self._lock:
            known = _POSITION.fullmatch(self.position)
            if known is None or known[1] != found[1] or int(known[2]) < int(found[2]):
                self.position = found[0]

    def forget(self) -> None:
        """It is one of a log that is no more."""
        with self._lock:
            self.position = ""


class Gateways:
    """Where gateways are: the one that is asked, and others to turn to when it is not there."""

    def __init__(self, urls: Sequence[str]) -> None:
        assert urls, "name a gateway"
        self._urls: Final = tuple(url.rstrip("/") for url in urls)
        self._turn = 0

    @property
    def url(self) -> str:
        return self._urls[self._turn % len(self._urls)]

    def turn(self, away_from: str) -> None:
        """To the next one, unless somebody has turned already."""
        if away_from == self.url:
            self._turn += 1


@dataclass(frozen=True)
class Request:
    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, Any]
    content: bytes | None
    timeout_s: float


def made_key() -> str:
    return uuid4().hex


def shown_as(manner: Manner) -> dict[str, str]:
    """Who asks, for the gateway to see."""
    said = {"Authorization": f"Bearer {manner.token}"} if manner.token else {}
    return said | ({"Tidegate-Session": manner.session} if manner.session else {})


def pause_ms(after_ms: int | None, number: int, dice: Callable[[], float]) -> float:
    """How long to wait before the next try, of which so many were made; never sooner than was asked for."""
    base = min(FIRST_PAUSE_MS << number, PAUSE_MS_MAX) if after_ms is None else after_ms
    return base + dice() * max(base / 2, FIRST_PAUSE_MS / 2)


class Tries:
    """How often, and until when, one thing is asked for."""

    def __init__(self, manner: Manner, now_s: Callable[[], float], dice: Callable[[], float]) -> None:
        self._most: Final = manner.tries_max
        self._now_s: Final = now_s
        self._dice: Final = dice
        self._until_s: Final = now_s() + manner.within_s
        self.made = 0

    @property
    def left_s(self) -> float:
        return self._until_s - self._now_s()

    def begin_ms(self) -> int:
        """Begin a try: how long it may take."""
        self.made += 1
        return max(TRY_MS_MIN, min(int(min(self.left_s, TRY_S) * 1_000), TRY_MS_MAX))

    def again_s(self, problem: Problem) -> float:
        """How long to wait before it is asked again; raises the problem when it is not."""
        pause_s = pause_ms(problem.retry_after_ms, self.made - 1, self._dice) / 1_000
        if not problem.again or self.made >= self._most or pause_s + TRY_MS_MIN / 1_000 > self.left_s:
            raise problem
        return pause_s


def _read(ask: Ask[T], status: int, body: bytes) -> T:
    try:
        return ask.read(json.loads(body))
    except (ValueError, LookupError, TypeError, Misread) as error:  # it is done, and said by no gateway that we know
        raise misread(error, status) from error


class Exchange(Generic[T]):
    def __init__(
        self,
        manner: Manner,
        gateways: Gateways,
        seen: Seen,
        ask: Ask[T],
        now_s: Callable[[], float],
        dice: Callable[[], float],
    ) -> None:
        self._manner: Final = manner
        self._gateways: Final = gateways
        self._seen: Final = seen
        self._ask: Final = ask
        self._tries: Final = Tries(manner, now_s, dice)
        self._key: Final = (manner.key or made_key()) if ask.is_write else ""
        self._asked = ""
        self._forgot = False
        self._answer: list[T] = []

    @property
    def answer(self) -> T:
        return self._answer[0]

    def request(self) -> Request:
        """The next try."""
        within_ms = self._tries.begin_ms()
        self._asked = self._gateways.url
        headers = {**shown_as(self._manner), **self._ask.headers, "Tidegate-Timeout-Ms": str(within_ms)}
        if self._seen.position:
            headers["Tidegate-Position"] = self._seen.position
        if self._key:
            headers["Idempotency-Key"] = self._key
        if self._manner.shown_pass:
            headers["Tidegate-Pass"] = self._manner.shown_pass
        content = None
        if self._ask.body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(self._ask.body, separators=(",", ":")).encode()
        url = f"{self._asked}/v1/{self._manner.org}{self._ask.path}"
        timeout_s = within_ms / 1_000 + ANSWER_ON_ITS_WAY_S
        return Request(self._ask.method, url, headers, self._ask.query, content, timeout_s)

    def heard(self, status: int, headers: Mapping[str, str], body: bytes) -> float | None:
        """How long to wait before the next try; none when `answer` is there. Raises what is not to be asked again."""
        if status < 300:
            self._seen.note(headers.get(POSITION))
            self._answer.append(_read(self._ask, status, body))
            return None
        problem = problem_of(status, headers, body)
        if problem.code == "position_unknown" and not self._forgot:
            self._forgot = True
            self._seen.forget()
            return 0.0
        if problem.code.startswith("http_50"):
            self._gateways.turn(self._asked)
        return self._tries.again_s(problem)

    def lost(self, why: str) -> float:
        """Nobody answered: how long to wait before the next try."""
        self._gateways.turn(self._asked)
        return self._tries.again_s(not_reached(why))
