"""What is bounded in read models and in what is asked of them, units last."""

from __future__ import annotations

from typing import Final

from events.calendar.quantum import SPAN_DAYS_MAX
from events.limits import SHELF_ITEM_BYTES_MAX

# What is remembered
PAST_DAYS: Final = 62
"""How far back the use of resources is kept in memory: last month's calendar can still be shown."""
BOOKINGS_PAST_DAYS: Final = 400
"""How long a booking that is over is listed and found; what became of it can be read from the log for ever."""
COUNTED_PAST_DAYS: Final = 62
"""What began longer ago counts for no month any more."""

# Following
COMMITS_AT_A_TIME: Final = 64
"""After so many commits without a pause, whoever asks gets a turn."""
SAVE_EVERY_MS: Final = 30_000
SAVING_SHARE_MAX: Final = 0.005
"""Of a projector's time: nobody is answered while a snapshot is made, so large ones are made less often."""
PIECE_BYTES_MAX: Final = 4 << 20
"""A snapshot stands on the shelf in pieces of this size."""
PIECES_MAX: Final = 256
"""A larger snapshot is not kept: the log is replayed instead."""
AT_LEAST_WAIT_MS: Final = 2_000
"""How long an answer waits for the log to come as far as the asker knows it to be."""

# Asking
ANSWER_BYTES_MAX: Final = 8 << 20
"""What a message carries; pages are closed long before."""
PAGE_BYTES_MAX: Final = 2 << 20
QUESTION_BYTES_MAX: Final = 256 << 10
QUESTIONS_AT_ONCE_MAX: Final = 1_024
"""Waiting for the log together; the next one is told to ask again."""
RESOURCES_MAX: Final = 5_000
"""Of one question."""
TICKETS_MAX: Final = 256
VISITS_MAX: Final = 60
RANGE_DAYS_MAX: Final = 62
APART_MAX: Final = 200
"""Sessions of a day for whom it is another one than for everybody; beyond, each is answered by itself."""
PAGE_ROWS_MAX: Final = 200
ROWS_LOOKED_AT_MAX: Final = 5_000
"""By one question: a page may be shorter than asked for, and the next one goes on from there."""
WORDS_MAX: Final = 8
WORD_CHARACTERS_MAX: Final = 64
TITLE_WORDS_MAX: Final = 64
"""Of one booking or title, those beyond are not found by."""

assert PIECE_BYTES_MAX < SHELF_ITEM_BYTES_MAX
assert SPAN_DAYS_MAX < RANGE_DAYS_MAX

# Telling
CHANGES_WAITING_MAX: Final = 50_000
"""Deltas that wait to be published; when there are more they are dropped, and it is said that they were."""
BEAT_MS: Final = 1_000
"""Between beats, when there is nothing new to say."""
BEATS_APART_MS: Final = 20
"""Between beats in any case."""
ROWS_TOLD_TOGETHER_MAX: Final = 256
"""Bookings that changed at once are told in one delta, up to so many of several commits."""
RECENT_MAX: Final = 20_000
RECENT_BYTES_MAX: Final = 16 << 20
"""Of what was published, so much is kept for whoever comes back."""
SINCE_DELTAS_MAX: Final = 1_000
SINCE_BYTES_MAX: Final = 512 << 10
"""Whoever missed more is faster to start over."""

assert SINCE_BYTES_MAX < ANSWER_BYTES_MAX

# Waiting rooms
GATHER_MS: Final = 250
"""A room's deltas that can be one are: so many milliseconds apart, all of its topics together."""
BLOCKS_TOLD_MAX: Final = 512
"""In one delta of a room, half a million places. One that had to name more would be larger than the room as a whole,
so everybody is told to start over."""
TICKETS_TOLD_MAX: Final = 1_000
"""At once, of what befalls a crowd: falling silent, coming back, being given up, a room that closes. With more, each
learns of it when next there is something to tell, or asks. What the room decides for one, as calls, is always told."""
WAITS_KEPT: Final = 1_024
"""Of the last who were called, how long they had waited."""
ROOMS_SHOWN_MAX: Final = 5_000
"""In one list."""
MAILBOX_TICKETS_MAX: Final = 3
"""Of one room and one day, so many tickets with one address are written about."""
MAILBOXES_COUNTED_MAX: Final = 1_000_000
"""Of one room and one day; with more, counting begins anew."""
