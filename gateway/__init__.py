"""Who may ask, and how they hear: HTTP, WebSocket, SSE, identity, webhooks and pages.

The floor is laid out and still empty: nothing answers over HTTP yet. What will live here turns requests into
commands for actors and questions for projections, and is the only place that may know a web framework. It
decides nothing itself, and it never reads or writes the log.
"""
