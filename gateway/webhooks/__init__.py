"""Webhooks: what happened, told to other people's servers.

`happenings` says what of the log is told and how, `signing` proves that it came from us, `sending` takes it there, and
nowhere where it may not go (`gateway.abroad`). `backlog` is what waits for one endpoint, `delivering` works it off, and
the `courier` does that for every endpoint that it attends to, which it knows from the `directory`. Nothing is kept
here: what has to survive is reported to `actors.webhooks`.
"""
