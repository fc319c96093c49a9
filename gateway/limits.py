"""What is bounded in a gateway, units last."""

from __future__ import annotations

from typing import Final

from actors.runtime.limits import COMMAND_ID_CHARACTERS_MAX, COMMAND_WITHIN_MS_MAX

BODY_BYTES_MAX: Final = 64 << 10
"""Of one request."""
IDLE_S: Final = 30.0
"""How long a connection is kept open for the next request."""

WITHIN_MS: Final = 5_000
"""How long a request may take, unless it says so itself."""
SHARED_WITHIN_MS: Final = 4_000
"""How long a question may take whose answer is for everybody who asks the same; their own time may be over before."""
WITHIN_MS_MIN: Final = 50
WITHIN_MS_MAX: Final = 30_000
REQUESTS_AT_ONCE_MAX: Final = 2_048
"""Under way in one process. Beyond it they are answered *busy* at once."""

GROUP_REQUESTS: Final = 32
"""Of many that come at once, so many begin before what they ask for is sent (`gateway.http.groups`)."""

IDEMPOTENCY_KEY_CHARACTERS_MAX: Final = 255
KEYS_SEEN_MAX: Final = 200_000
"""Idempotency keys that a gateway knows the requests of, its own and others', for commands whose actors have not heard
of each other."""
ID_DIGITS: Final = 32
STEP_DIGITS: Final = 8
SEAL_DIGITS: Final = 16

ITEMS_MAX: Final = 16
"""Resources of one wish."""
ANSWERS_MAX: Final = 64
PAGE_ROWS_MAX: Final = 200
PAGE_ROWS: Final = 50

AUDIT_BYTES_MAX: Final = 4 << 20
"""Of the log, read for one page of an audit, or for one part of a proof: the next one goes on from there."""
AUDIT_FACTS_MAX: Final = 2_000
"""And of facts, shown on one page. A single commit is always shown whole."""
CHAIN_COMMITS_MAX: Final = 1_000
"""Checked by one request."""
DRAW_COMMITS_MAX: Final = 20_000
"""Of a room, read to find its draw. It is told whole or not at all: a longer one takes the command line."""
DRAW_BYTES_MAX: Final = 32 << 20
DRAW_WITHIN_MS: Final = 30_000
"""And by then. One is read at a time; whoever asks for another meanwhile is told *busy*."""
DRAW_FRESH_S: Final = 120.0
DRAWS_MAX: Final = 4
"""At hand. Each may be as large as what it was read from."""

CATALOGS_MAX: Final = 1_000
"""Organisations whose catalogs a process keeps at hand."""
CATALOG_FRESH_S: Final = 2.0
"""A catalog at hand is asked for anew when it is older than this, whatever was heard. Deciders never go by it."""
ACCESS_FRESH_S: Final = 2.0
"""So long at most is a key that was revoked still taken."""
DOORS_MAX: Final = 10_000
DOOR_FRESH_S: Final = 1.0
"""How a room is set, for joining it. Its lines decide by what they know themselves."""
SEATS_MAX: Final = 100_000
SEAT_FRESH_S: Final = 1.0
"""So long at most is a pass that was taken back still taken where we are asked."""
SLOTS_FRESH_S: Final = 0.24
"""An answer of the read models is given to everybody who asks the same within so long, unless they have seen later."""
SLOTS_RENEWED_S: Final = 0.2
"""From then on whoever asks has the next one asked for, and is given this one."""
READY_FRESH_S: Final = 0.01
"""And what the read models were not asked for is given to everybody who says nothing of themselves, for so long."""
ANSWERS_KEPT_MAX: Final = 20_000
DAYS_READ_MAX: Final = 4_096
"""Queries of days that are not read again, each of at most so many bytes; a longer one is the framework's."""
DAY_QUERY_BYTES_MAX: Final = 320
DAYS_SPELLED_MAX: Final = 2_048
"""Answers of the read models that are not spelled anew when they come again; a day of quarters takes 20 kB so."""
INSTANTS_SPELLED_MAX: Final = 16_384
"""By the clocks of a zone."""

SESSION_LIFE_S: Final = 30 * 86_400
TOKEN_CHARACTERS_MAX: Final = 8_192
SESSION_TOKEN_CHARACTERS_MAX: Final = 256
VISITORS_KEPT_MAX: Final = 10_000
"""Visitors whose tokens a process has checked and keeps in mind."""
KEY_SET_FRESH_S: Final = 300.0
"""An issuer's keys are fetched anew when they are older. So long at most is a key still taken that it has withdrawn."""
KEY_SET_KEPT_S: Final = 3_600.0
"""While an issuer cannot be reached, its keys of so long ago are good."""
KEY_SET_AGAIN_S: Final = 10.0
"""Between two fetches from one issuer, whoever asks for keys that it may not have."""
KEY_SET_WITHIN_MS: Final = 3_000
KEY_SET_BYTES_MAX: Final = 256 << 10
KEY_SETS_MAX: Final = 1_000
KEYS_PER_SET_MAX: Final = 64
"""Of more, the others are not looked at."""
RSA_BITS_MIN: Final = 2_048
RSA_BITS_MAX: Final = 8_192
"""Checking a signature by a larger key takes a while."""
SUBJECT_CHARACTERS_MAX: Final = 255
"""Of whom a token is about, as OpenID Connect has it."""
CLOCK_SKEW_S: Final = 60
"""By how much the clock of a token's issuer may differ from ours."""

assert KEY_SET_WITHIN_MS < WITHIN_MS
assert DRAW_WITHIN_MS < DRAW_FRESH_S * 1_000
assert KEY_SET_AGAIN_S < KEY_SET_FRESH_S < KEY_SET_KEPT_S
assert SHARED_WITHIN_MS < WITHIN_MS <= WITHIN_MS_MAX <= COMMAND_WITHIN_MS_MAX
assert ID_DIGITS + STEP_DIGITS + SEAL_DIGITS + 2 <= COMMAND_ID_CHARACTERS_MAX
