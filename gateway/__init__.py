"""Who may ask, and how they hear: HTTP, WebSocket, SSE, identity, limits, webhooks and pages.

Requests become commands for actors and questions for projections in `operations`; `http` and `streams` carry them. The
web framework is known here alone. Nothing is decided here, the log is never written, and nothing is kept that could not
be asked for again.
"""
