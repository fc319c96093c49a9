"""Who decides: pure deciders, one file per domain, and the runtime that hosts them.

A decider (`decider`, for example `catalog`) has no await, clock, randomness, Ray or NATS inside: it can be
read, tested and replayed on its own. `kinds` lists the ones that exist. Everything that waits, retries or
fails lives in `actors.runtime`. Nothing here knows of screens, requests or subscribers.
"""
