"""What a client can have done and can look at, whatever it speaks: each operation a function of a call and a typed
request, with a typed answer. HTTP and sockets only carry them. Nothing is decided here: actors decide."""
