"""The log, the bus and the shelf in memory: twins of the adapters over NATS, for the simulation and the fast tests.

They keep the same laws, proven by the same contract suites (`tests/contracts`), and add one of their own: they are
deterministic. No randomness, no wall clock, no iteration over sets; whatever must happen later is handed to the
running loop in order. On a virtual-time loop, the same calls lead to the same run.
"""
