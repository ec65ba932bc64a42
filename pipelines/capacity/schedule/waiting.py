"""The jobs that wait for a card, so arranged that few have to be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush

# Order in which waiting jobs are looked at: priority, then rank, then as listed. No two jobs have the same.
Key = tuple[int, float, int]


@dataclass(frozen=True)
class Shape:
    """All that decides whether a job can have a card now, but for its priority.

    Where the first of several jobs of one shape can't, the others can't either.

    Attributes:
        places: the classes of cards that would do.
        shares: it may share a card.
        memory_bytes: that must be free for it on a shared card.
        holds: things that nobody else may hold.
    """

    places: tuple[int, ...]
    shares: bool
    memory_bytes: int
    holds: tuple[str, ...]


class Waiting:
    """One heap of jobs for each shape."""

    def __init__(self) -> None:
        self._queues: dict[Shape, list[Key]] = {}
        self._shape_of: dict[int, Shape] = {}

    def put(self, key: Key, shape: Shape) -> None:
        """Lets a job wait, or lets it wait with another shape from now on."""
        self._shape_of[key[2]] = shape
        heappush(self._queues.setdefault(shape, []), key)

    def take(self, key: Key) -> None:
        """Lets a job wait no longer."""
        del self._shape_of[key[2]]

    def __contains__(self, key: Key) -> bool:
        return key[2] in self._shape_of

    def first(self, shape: Shape) -> Key | None:
        """The first job of a shape; None where none waits."""
        queue = self._queues.get(shape, [])
        # What was taken, or waits with another shape now, is still in the heap.
        while queue and self._shape_of.get(queue[0][2]) != shape:
            heappop(queue)
        if not queue:
            self._queues.pop(shape, None)
            return None
        return queue[0]

    def heads(self) -> list[tuple[Key, Shape]]:
        """A heap of the first job of each shape."""
        found = [(key, shape) for shape in list(self._queues) if (key := self.first(shape))]
        heapify(found)
        return found
