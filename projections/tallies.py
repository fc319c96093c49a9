"""Counts in a row whose sums from the start are asked for often: a Fenwick tree.

A change of one count, and the sum of all counts before one, both cost as many steps as the row's length has binary
digits: twenty for a million.
"""

from __future__ import annotations


class Tally:
    __slots__ = ("_tree", "counts")

    def __init__(self) -> None:
        self.counts: list[int] = []
        self._tree = [0]
        """Place n is the sum of the counts from n minus n's lowest set bit up to n - 1."""

    def append(self) -> None:
        """One more count, which is 0."""
        end = len(self._tree)
        self._tree.append(self.before(end - 1) - self.before(end - (end & -end)))
        self.counts.append(0)

    def put(self, place: int, count: int) -> None:
        change = count - self.counts[place]
        if not change:
            return
        self.counts[place] = count
        tree, node, end = self._tree, place + 1, len(self._tree)
        while node < end:
            tree[node] += change
            node += node & -node

    def before(self, place: int) -> int:
        """The sum of the counts at smaller places."""
        tree, found = self._tree, 0
        while place:
            found += tree[place]
            place &= place - 1
        return found
