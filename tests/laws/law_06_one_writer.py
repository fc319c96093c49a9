"""Law 6. One writer wins: two hosts that both believe they own an actor cannot both commit.

What a writer builds on, it names. If two commits of one actor stood on the same one, two writers were let through.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.laws.history import History


def breaches(history: History) -> Iterator[str]:
    for actor, lines in history.of_actor.items():
        built_on: dict[str, int] = {}
        for recorded, commit in lines:
            other = built_on.setdefault(commit.previous, recorded.sequence)
            if other != recorded.sequence:
                yield f"{actor}: the commits at {other} and {recorded.sequence} stand on the same one"
