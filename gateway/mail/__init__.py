"""Mail: what became of a booking, written to whoever booked; and to whoever stands in line that it is their turn.

It is told as webhooks are. An endpoint whose address is `mail:Nord%20Studios` is told what happens by the same courier,
with the same filter, lease, reports, repeats and dead letters; only that each happening is carried to a mail server
(`carrying`) as a letter to one person. So what is under way when a process dies is not lost, and an organisation that
writes to its people itself simply has no such endpoint. What stands behind the colon is who the letters are from.

`letters` says which happenings of bookings are written about, and how, `turns` the same of tickets; `templates/` has
the sentences. `messages` makes the letter one message that any mail program reads, `addresses` knows where it may go,
`submitting` hands it to the mail server.

Nothing is kept here. The booking or the ticket is asked of the read models when its letter is written, so a letter says
how things stand as it leaves; one that is true no more is not written.

Whoever booked or joined may have given somebody else's address. So a letter has no words of theirs that could
lead anywhere.
"""
