"""The arithmetic of waiting: who a session is, which line it stands in, what a ticket is called, how the draw shuffles,
what work is asked for. All of it pure; judges, read models, verifiers and clients share it.
"""
