"""How much somebody may ask for: how often, how many at a time, over how many connections.

`buckets` is the arithmetic of rates, and knows neither time nor requests. `addresses` says where a request is from,
`rates` from which buckets it takes, `crowd` counts connections. `guard` stands before the application and turns away
what is not to cost anything. What was turned away has had no effect.

Each process counts for itself and keeps nothing: a limit is protection of the machine and fairness between callers, and
no promise that anything else relies on.
"""
