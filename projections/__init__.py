"""What it looks like: read models folded from the log, and the deltas that keep subscribers current.

The floor is laid out and still empty: there is no read model yet. What will live here only ever follows the
log; it imports `events` and nothing else of ours, can be deleted at any time, and comes back byte for byte
by replay (law 8). It accepts no commands.
"""
