"""The simulation: the whole system in one process, on virtual time, under faults, from one seed.

It ships with the package, because whoever writes a decider should be able to let a storm loose on it. Read in this
order: `loop` (time, and machines that can be frozen or killed), `clock`, `weather` (which faults, how often), `trace`
(what happened), `machine` (a process that may die at any of its calls), `network` and `storage` (the bus, the log and
the shelf, with their faults), `clients` (who asks, and what they were told), `storm` (the faults that have a time and
a place), `record` (what a run leaves for the checkers) and `world`, which puts all of it together.

Everything random is drawn from the seed: the same seed leads to the same run, message by message and byte by byte.
What it proves is judged elsewhere, by checkers that see only the log and what clients were told (`tests/laws`).
"""
