"""Hearing: what the commits of lines come to for their room."""

from __future__ import annotations

from collections.abc import Sequence

from pyroaring import BitMap

from actors.decider import News
from actors.waiting.limits import HEARD_BYTES_AT_ONCE_MAX, JOINS_HEARD_AT_ONCE_MAX
from events.codec import numbers_of, spelled
from events.line import Expired, Forgotten, Joined, Left, LineFact, Returned, WentAbsent
from events.room import Heard
from events.waiting.sessions import TAG_DIGITS, shard_named, tag_of


def hear(news: Sequence[News], after: int, *, heads: bool) -> tuple[Heard, ...]:
    """As many commits behind `after` as one step takes in: whole ones, at least one."""
    heard: list[Heard] = []
    joins = size = 0
    for one in news:
        if one.sequence <= after:
            continue
        said = _said(one, with_head=heads)
        joins += len(said.tags) // TAG_DIGITS
        size += _bytes_of(said)
        if heard and (joins > JOINS_HEARD_AT_ONCE_MAX or size > HEARD_BYTES_AT_ONCE_MAX):
            break
        heard.append(said)
    return tuple(heard)


def _bytes_of(said: Heard) -> int:
    """As it is written, about: never less."""
    texts = len(said.tags) + len(said.left) + len(said.absent) + len(said.returned) + len(said.expired)
    return texts + len(said.head) + 80 + sum(len(lane) + 16 for lane, _ in said.lanes)


def _said(news: News, *, with_head: bool) -> Heard:
    shard = shard_named(news.actor.rpartition(".")[2])  # a line that is no shard says nothing
    head = news.head if with_head else ""
    if all(type(fact) is Joined for fact in news.facts):  # as nearly always, and then it has to be quick
        first, tags, lanes = _joined(news.facts)
        return Heard(news.sequence, shard, first, tags, lanes, head=head)
    left, absent, returned, expired = BitMap(), BitMap(), BitMap(), BitMap()
    for fact in news.facts:
        match fact:
            case Left(number):
                left.add(number)
            case WentAbsent(numbers):
                gone = numbers_of(numbers)
                absent, returned = absent | gone, returned - gone
            case Returned(numbers):
                back = numbers_of(numbers)
                absent, returned = absent - back, returned | back
            case Expired(numbers):
                expired |= numbers_of(numbers)
            case Joined() | Forgotten():
                pass  # joins are counted apart; and what a line forgets is over for the room already
    first, tags, lanes = _joined(news.facts)
    return Heard(
        news.sequence, shard, first, tags, lanes, spelled(left), spelled(absent), spelled(returned), spelled(expired),
        head,
    )  # fmt: skip


def _joined(facts: Sequence[LineFact]) -> tuple[int, str, tuple[tuple[str, int], ...]]:
    joins = [fact for fact in facts if type(fact) is Joined]
    if not joins:
        return 0, "", ()
    runs: list[tuple[str, int]] = []
    for join in joins:
        if runs and runs[-1][0] == join.lane:
            runs[-1] = (join.lane, runs[-1][1] + 1)
        else:
            runs.append((join.lane, 1))
    return joins[0].number, "".join([tag_of(join.session) for join in joins]), tuple(runs)
