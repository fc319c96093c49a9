"""What happened: facts, commits, and the log that keeps them.

Here live the records that are written (`facts`, `commit`, `codec`), the names they are written under
(`names`), and the three protocols everything above speaks through: the `log` (an append-only memory),
the `bus` (messages without memory) and the `shelf` (caches that may vanish). Each has an adapter over
NATS (`events.nats`, the only place that imports it) and a twin in memory (`events.memory`).

Nothing here decides anything, and nothing here imports another package of ours.
"""
