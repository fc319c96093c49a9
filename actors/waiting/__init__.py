"""The waiting room: lines that take arrivals, and a room that decides who is called, who is in, and who has to go.

`line` and `room` are the two kinds of actors. A line's shard numbers those who join and knows who is alive
(`presence`). The room hears its lines through the log (`hearing`), keeps everybody in order (`queue`, `standing`), and
calls as many as may come (`admission`), along the tables in `lifecycle`.
"""
