"""The runtime: what hosts deciders, and keeps the laws while machines die.

Read in this order: `wire` (what travels), `memory` (what is remembered of one actor, folded from the log),
`cell` (one live actor: its mailbox and its turns), `rounds` (group commit across actors), `host` (the cells of
one process), `membership` (which host owns which partition), `transactions`, `timers`, and `sender` (the other
end). `ray_hosts` is the only module that imports Ray; the same host runs in this process, and under the simulation.
"""
