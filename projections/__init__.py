"""What it looks like: read models folded from the log, and the deltas that keep subscribers current.

What lives here only ever follows the log; it imports `events` and nothing else of ours, can be deleted at any time, and
comes back byte for byte by replay (law 8). It accepts no commands.

`projector` follows the log and feeds the folds: `access`, `catalog`, `availability` (its numbers lie in `columns`, and
`months` shows them month by month), `bookings` (which lie in `listing` and `words`), `quotas`, and `rooms`, the waiting
rooms (tickets lie in `places`, summed in `tallies`, by the table in `standing`; how fast they move is in `paces`).
`questions` says what can be asked; `offering`, `space`, `which_days`, `finding` and `waiting` (with `numbers` and
`estimates`) answer it, from `models`, which are all folds together. `answering` and `publishing` are the two ways out,
over the bus; `conflating` gathers what changes too fast to be read, and `recent` keeps what was published last;
`topics`, `room_topics` and `deriving` say what subscribers make of deltas; `serving` runs all of it in one process.
"""
