"""Live streams: topics as they are now and as they change, over a connection that may go and come back.

`states` says what a topic is and what a delta makes of it; `conversation` what is said and believed over a socket;
`guesses` what is shown before it is known. All of these are pure. `stream` does the talking, `views` are several topics
as one thing to show, `blocking` is the same for programs that do not await.
"""
