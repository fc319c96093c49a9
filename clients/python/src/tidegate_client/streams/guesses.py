"""Guesses: what is shown of topics before it is known, by whoever has just asked for something. Pure.

A guess says how things would be, as a function of how they are. It is seen from when it is made until the answer's
position has been reached: of each topic, when that topic has come so far; of all of them, when everything through there
has been told. So nothing is shown twice and nothing jumps back. A guess whose request failed is gone at once.

Whatever a guess does to what is already so should leave it so: the delta may arrive before the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from tidegate_client.streams.conversation import split

Guess: TypeAlias = Callable[[Any], Any]


class _Made:
    def __init__(self, topics: Mapping[str, Guess]) -> None:
        self.topics: Final = dict(topics)
        self.position = ""


class Guesses:
    def __init__(self) -> None:
        self._made: Final[dict[int, _Made]] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._made)

    def make(self, topics: Mapping[str, Guess]) -> int:
        """What each of these topics would be. It is named by the number that is answered."""
        self._last += 1
        self._made[self._last] = _Made(topics)
        return self._last

    def drop(self, number: int) -> None:
        """It is known now, or will not be."""
        self._made.pop(number, None)

    def answered(self, number: int, position: str, stands: Mapping[str, str]) -> bool:
        """What it was about is done, and stands in the log there. `stands` is where topics are; whether it is still
        seen."""
        made = self._made.get(number)
        if made is None:
            return False
        made.position = position
        for topic, at in stands.items():
            self.reached(topic, at)
        return number in self._made

    def reached(self, topic: str, position: str) -> None:
        """The topic stands there now."""
        for number, made in list(self._made.items()):
            if topic in made.topics and made.position and position and _is_behind(made.position, position):
                del made.topics[topic]
                if not made.topics:
                    del self._made[number]

    def seen(self, topic: str, state: Any) -> Any:
        """The topic as it is to be shown."""
        for made in self._made.values():
            guess = made.topics.get(topic)
            state = state if guess is None else guess(state)
        return state


def _is_behind(position: str, other: str) -> bool:
    """Whether the other one is as far, or of another log, by which nothing is guessed any more."""
    (epoch, at), (of, reached) = split(position), split(other)
    return epoch != of or at <= reached
