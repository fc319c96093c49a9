"""The same work on Tidegate, on the machine's own limits, and on its peers, in one run. `make bench` prints the table.

Absolute figures drift by a fifth and more from run to run and machine to machine, so every claim is a ratio of two
figures that were taken in turn in the same run. No test depends on any of them.
"""
