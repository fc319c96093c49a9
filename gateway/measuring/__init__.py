"""What a gateway process can say of how it fares: `/metrics`, `/readyz`, and the spans of traces.

`metrics` counts what is asked of this process, `counts` are the plain numbers that other parts of it keep, `around` is
what it hears of the hosts, the read models and the log, and whether it is ready by that; `tracing` follows a request
through the log. All of it may be wrong for a moment or missing altogether, and nothing is decided by it.
"""
