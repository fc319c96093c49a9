"""The log, the bus and the shelf over NATS and JetStream. The only place that imports `nats`.

`connection` is shared by all three. `log.JetStreamLog` is put together from what it does: `writer` appends and finds
out what became of an append, `reader` reads, `follow` follows, `stream` creates and describes the stream, `safety`
refuses a server that could lose what it acknowledged, `continuity` notices a log that is not the one it was, and `disk`
knows what a server that has failed to write has stored for sure.
Below them, `replies` sends requests and gathers their answers, `direct` reads many messages for one request, `wire`
reads what the server writes, `client` is the way through nats-py, and `monitor` asks the servers about themselves.
`reach` and `ground` say where all this is and stand on it; `server` runs a nats-server of our own.
"""
