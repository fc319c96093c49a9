"""Webhooks: what happened, told to other people's servers.

`happenings` says what of the log is told and how, `signing` proves that it came from us, `addresses` and `sending` see
to it that it goes where it may go. `backlog` is what waits for one endpoint, `delivering` works it off, and the
`courier` does that for every endpoint that it attends to, which it knows from the `directory`. Nothing is kept here:
what has to survive is reported to `actors.webhooks`.
"""
