"""Law 2. All or nothing: a transaction over several actors takes effect in every one of them or in none.

A commit of a transaction names all its actors. Each of them must hold the transaction's id, once, in commits that
stand side by side. What a domain's own facts say about it is judged beside this: `law_02_transfers` for the bank,
`law_02_whole_bookings` for bookings.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.laws.history import History


def breaches(history: History) -> Iterator[str]:
    for recorded, commit in history.lines:
        if not commit.together:
            continue
        for one in commit.decided:
            for actor in commit.together:
                found = history.decided.get((actor, one.id), [])
                if len(found) != 1:
                    yield f"{one.id} is in {commit.actor} at {recorded.sequence}, and {len(found)} times in {actor}"
                elif abs(found[0][0].sequence - recorded.sequence) >= len(commit.together):
                    yield f"{one.id} is at {recorded.sequence} in {commit.actor}, at {found[0][0].sequence} in {actor}"
    asked = {call.id: {actor for actor, _ in call.parts} for call in history.record.calls if call.is_transaction}
    for id, actors in asked.items():
        found_in = set(history.actors_of.get(id, ()))
        if found_in and found_in != actors:
            yield f"{id} was asked of {sorted(actors)}, and done in {sorted(found_in)}"
