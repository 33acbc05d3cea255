"""A queue of people: first come, first served, and anyone can step out."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Line:
    """One place at the counter; the others know how many are before them."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting: deque[object] = deque()

    @contextmanager
    def place(self) -> Iterator["Place"]:
        """Stand in line for the length of a `with` block."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
        try:
            yield Place(self, ticket)
        finally:
            with self._changed:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def ahead(self, ticket: object, *, timeout_s: float) -> int:
        """Return how many are before a ticket, after waiting for it to be none at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting[0] is ticket, timeout_s)
            return self._waiting.index(ticket)


class Place:
    """Somebody's place in a line."""

    def __init__(self, line: Line, ticket: object) -> None:
        self._line, self._ticket = line, ticket

    def ahead(self, *, timeout_s: float = 0.0) -> int:
        """Return how many are before this place, waiting at most so long for it to be none."""
        return self._line.ahead(self._ticket, timeout_s=timeout_s)
