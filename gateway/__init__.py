"""Who may ask, and how they hear: HTTP, WebSocket, SSE, identity, limits, webhooks and pages.

Requests become commands for actors and questions for projections in `operations`; `http` and `streams` carry them. It is
the only place that knows a web framework. It decides nothing itself, never writes the log, and keeps nothing that could
not be asked for again.
"""
