"""Words: how text is cut for searching, and which things have a word that begins so.

Text is normalised (NFKC) and folded, so that capitals, ligatures and widths make no difference, and cut wherever
something is neither a letter nor a digit. An e-mail address is found by its parts: `ann`, `example`.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from typing import Final, Generic, TypeVar

from projections.limits import TITLE_WORDS_MAX, WORD_CHARACTERS_MAX

_WORD: Final = re.compile(r"[^\W_]+")
_LAST: Final = "\U0010ffff"

T = TypeVar("T")


def folded(text: str) -> str:
    if text.isascii():
        return text.lower()  # which is what the rest of this makes of it
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def words_of(*texts: str) -> tuple[str, ...]:
    """The different words of some texts, in order of their first place."""
    found = (word[:WORD_CHARACTERS_MAX] for text in texts for word in _WORD.findall(folded(text)))
    return tuple(dict.fromkeys(found))[:TITLE_WORDS_MAX]


class Index(Generic[T]):
    """Which things have which words."""

    __slots__ = ("_of", "_words")

    def __init__(self) -> None:
        self._words: list[str] = []
        self._of: dict[str, set[T]] = {}

    def add(self, words: Iterable[str], thing: T) -> None:
        for word in words:
            if word not in self._of:
                insort(self._words, word)
                self._of[word] = set()
            self._of[word].add(thing)

    def remove(self, words: Iterable[str], thing: T) -> None:
        for word in words:
            things = self._of[word]
            things.remove(thing)
            if not things:
                del self._of[word]
                del self._words[bisect_left(self._words, word)]

    def beginning(self, prefix: str) -> Iterator[set[T]]:
        """The things of each word that begins so."""
        prefix = prefix[:WORD_CHARACTERS_MAX]
        for place in range(bisect_left(self._words, prefix), bisect_left(self._words, prefix + _LAST)):
            yield self._of[self._words[place]]
