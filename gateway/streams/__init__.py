"""Live streams: the WebSocket wire, on the same port as HTTP.

`frames` and `handshake` are the protocol without I/O. `socket` is a connection, as uvicorn hands it over; `front` is
what stands before it and before every HTTP request. `wheel` keeps time for all of them with one timer. What is said
over a socket is no business of these five: they carry text to a `Listener` and frames back.
"""
