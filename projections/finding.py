"""Finding bookings: by filters and by words, in one order and by one kind of cursor.

What to go through is the shortest order that has all of the answer; what fits is looked at one by one, at most
`ROWS_LOOKED_AT_MAX` for a page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from heapq import merge

from events.catalog import Catalog
from events.clock import Instant
from projections.bookings import By, Kept, OfOrg, words_of_booker
from projections.limits import PAGE_BYTES_MAX, PAGE_ROWS_MAX, ROWS_LOOKED_AT_MAX, WORDS_MAX
from projections.listing import BEFORE_ALL, Cursor, Key, read_cursor
from projections.questions import Bookings, Page, Row, Search, Unanswered
from projections.words import folded, words_of

_FEW = 2_000
"""So many are sorted for a page rather than looked for in order."""


def bookings(of: OfOrg, asked: Bookings, sequence: int) -> Page:
    email = folded(asked.email)
    ways = [[of.order("all")]]
    ways += ([of.order(by, name)] for by, name in _named(asked, email) if name)
    if asked.statuses:
        ways.append([of.order("status", status) for status in sorted(set(asked.statuses))])

    def fits(kept: Kept) -> bool:
        booking = kept.booking
        return (
            (not asked.statuses or booking.status in asked.statuses)
            and (not email or folded(booking.booker.email) == email)
            and (not asked.event_type or booking.wish.event_type == asked.event_type)
            and (not asked.resource or any(item.resource == asked.resource for item in booking.wish.items))
        )

    cursor = read_cursor(asked.cursor, sequence)
    begin = cursor.key if asked.start is None else max(cursor.key, Key(asked.start, ""))
    way = min(ways, key=lambda orders: sum(order.count for order in orders))
    keys = way[0].behind(begin) if len(way) == 1 else merge(*(order.behind(begin) for order in way))
    return _page(of, keys, cursor, asked.limit, asked.end, fits)


def _named(asked: Bookings, email: str) -> tuple[tuple[By, str], ...]:
    return ("email", email), ("resource", asked.resource), ("event_type", asked.event_type)


def search(of: OfOrg, catalog: Catalog, asked: Search, sequence: int) -> Page:
    wanted = words_of(asked.words)
    if not 1 <= len(wanted) <= WORDS_MAX:
        raise Unanswered("bad_words", f"between 1 and {WORDS_MAX} words are looked for")
    titles = {slug: words_of(one.title) for slug, one in catalog.event_types.items()}
    slugs = [{slug for slug, title in titles.items() if _has(title, word)} for word in wanted]

    def fits(kept: Kept) -> bool:
        booking = kept.booking
        booker, slug = words_of_booker(booking.booker), booking.wish.event_type
        return all(slug in some or _has(booker, word) for word, some in zip(wanted, slugs, strict=True))

    cursor = read_cursor(asked.cursor, sequence)
    few = [some for some in map(partial(_few, of), wanted, slugs) if some is not None]
    if not few:
        return _page(of, of.order("all").behind(cursor.key), cursor, asked.limit, None, fits)
    ids = set.intersection(*few)
    keys = sorted(Key(start, id) for id in ids for start in {start for _, start in of.kept[id].places})
    return _page(of, (key for key in keys if key > cursor.key), cursor, asked.limit, None, fits)


def _few(of: OfOrg, word: str, slugs: Iterable[str]) -> set[str] | None:
    """The bookings that have a word beginning so, unless they are many."""
    found: set[str] = set()
    for slug in slugs:
        order = of.order("event_type", slug)
        if len(found) + order.count > _FEW:
            return None
        found.update(key.id for key in order.behind(BEFORE_ALL))
    for ids in of.words.beginning(word):
        if len(found) + len(ids) > _FEW:
            return None
        found |= ids
    return found


def _has(words: Iterable[str], prefix: str) -> bool:
    return any(word.startswith(prefix) for word in words)


def _page(
    of: OfOrg, keys: Iterable[Key], cursor: Cursor, limit: int, end: Instant | None, fits: Callable[[Kept], bool]
) -> Page:
    if not 1 <= limit <= PAGE_ROWS_MAX:
        raise Unanswered("bad_limit", f"a page has between 1 and {PAGE_ROWS_MAX} rows")
    rows: list[Row] = []
    last, size = cursor.key, 0
    for looked_at, key in enumerate(keys, 1):
        if end is not None and key.start >= end:
            break
        if len(rows) == limit or looked_at > ROWS_LOOKED_AT_MAX:
            return Page(tuple(rows), Cursor(cursor.as_of, *last).spelled())
        kept = of.kept[key.id]
        if kept.place(cursor.as_of) == key.start and fits(kept):
            size += len(kept.body)
            if rows and size > PAGE_BYTES_MAX:
                return Page(tuple(rows), Cursor(cursor.as_of, *last).spelled())
            rows.append(kept.row())
        last = key
    return Page(tuple(rows))
