"""Live streams: what changes, told while it changes, over WebSockets and server-sent events on the port of HTTP.

The wire. `frames` and `handshake` are the protocol of sockets without I/O. `socket` is a connection, as uvicorn hands
it over; `front` is what stands before it and before every HTTP request. `wheel` keeps time for all of them with one
timer. What is said over a socket is no business of these five: they carry text to a `Listener` and frames back.

What is said. `entrance` lets a client in and says what it may follow and ask for; `client` is one at a socket, and how
far it is behind. `messages` are what both sides say, `commands` what can be asked for. `events` tells the same to those
who only listen, over plain HTTP.

What is told. `topics` are what can be followed, and how they are named. `hub` hears the bus for all of them, `live` is
one that somebody follows here, `shares` says how many there may be for whom. `living` keeps the tickets of those who
are there alive, and `theirs` knows whose a ticket is.

`limits` has the bounds of all of it.
"""
