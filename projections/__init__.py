"""What it looks like: read models folded from the log, and the deltas that keep subscribers current.

What lives here only ever follows the log; it imports `events` and nothing else of ours, can be deleted at any time, and
comes back byte for byte by replay (law 8). It accepts no commands.

`projector` follows the log and feeds the folds: `catalog`, `availability` (its numbers lie in `columns`) and
`bookings` (found by `listing` and `words`). `questions` says what can be asked; `offering`, `room` and `listing` answer
it. `answering` and `publishing` are the two ways out, over the bus; `serving` runs all of it in one process.
"""
