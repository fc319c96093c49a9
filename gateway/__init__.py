"""Who may ask, and how they hear: HTTP, WebSocket, SSE, identity, webhooks and pages.

`passes` signs and checks what admits somebody to a site behind a waiting room, with the `keys` kept for it. Nothing
answers over HTTP yet: what will live here turns requests into commands for actors and questions for projections, and is
the only place that may know a web framework. It decides nothing itself, and it never reads or writes the log.
"""
