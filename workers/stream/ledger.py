"""Which offsets are done: what may be committed, and whether anything went missing.

Pure books, without I/O. An offset is tracked when it is fetched, settled when all its outputs are acknowledged.
What may be committed is the end of the contiguous settled prefix, and nothing else.
"""

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

P = TypeVar("P", bound=Hashable)


class _Partition:
    """One partition's books.

    `base` is where the group has committed, `next` the first offset not yet fetched, `done` how many offsets above
    `base` are settled or hold no record.
    """

    __slots__ = ("base", "done", "next", "open", "order")

    def __init__(self, start: int) -> None:
        self.base = start
        self.next = start
        self.done = 0
        self.order: deque[int] = deque()
        self.open: set[int] = set()

    def track(self, offset: int) -> None:
        if offset < self.next:
            raise ValueError(f"offset {offset} was fetched before (next is {self.next})")
        self.skip_to(offset)
        self.order.append(offset)
        self.open.add(offset)
        self.next = offset + 1

    def skip_to(self, offset: int) -> None:
        # Offsets that hold no record for us: compacted away, or the markers of a transaction.
        if offset > self.next:
            self.done += offset - self.next
            self.next = offset

    def settle(self, offset: int) -> None:
        self.open.remove(offset)
        self.done += 1

    def committable(self) -> int:
        while self.order and self.order[0] not in self.open:
            self.order.popleft()
        return self.order[0] if self.order else self.next

    def ahead(self) -> list[int]:
        self.committable()
        return [offset for offset in self.order if offset not in self.open]

    def committed(self, offset: int) -> None:
        if offset > self.base:
            self.done -= offset - self.base
            self.base = offset


class Ledger(Generic[P]):
    """The books of all assigned partitions, keyed by whatever names a partition."""

    def __init__(self) -> None:
        self._partitions: dict[P, _Partition] = {}

    def assign(self, partition: P, start: int) -> None:
        """Open the books of a partition whose next record is at `start` or later."""
        self._partitions[partition] = _Partition(start)

    def revoke(self, partition: P) -> None:
        """Close them: whatever is in flight belongs to somebody else now."""
        self._partitions.pop(partition, None)

    def track(self, partition: P, offset: int) -> None:
        """An offset was fetched. Offsets of a partition come in order; KeyError when it is not assigned."""
        self._partitions[partition].track(offset)

    def skip_to(self, partition: P, offset: int) -> None:
        """Everything fetched so far ends before `offset`, and there is no record in between."""
        self._partitions[partition].skip_to(offset)

    def settle(self, partition: P, offset: int) -> None:
        """All outputs of an offset are acknowledged. KeyError if it is not in flight: settled twice, or never seen."""
        self._partitions[partition].settle(offset)

    def holds(self, partition: P) -> bool:
        return partition in self._partitions

    def base(self, partition: P) -> int:
        """The offset committed last, or where the partition was opened."""
        return self._partitions[partition].base

    def next(self, partition: P) -> int:
        """The first offset that was not yet tracked."""
        return self._partitions[partition].next

    def in_flight(self, partition: P | None = None) -> int:
        """Offsets tracked and not settled, of one partition or of all."""
        if partition is not None:
            return len(self._partitions[partition].open)
        return sum(len(books.open) for books in self._partitions.values())

    def committable(self) -> dict[P, int]:
        """Where each partition may be committed, for those that have moved since `committed` was last called."""
        ends = {partition: books.committable() for partition, books in self._partitions.items()}
        return {partition: end for partition, end in ends.items() if end > self._partitions[partition].base}

    def ahead(self, partition: P) -> list[int]:
        """The offsets settled beyond the first that is not."""
        return self._partitions[partition].ahead()

    def committed(self, partition: P, offset: int) -> None:
        """The broker has acknowledged a commit. Ignored for a partition that has gone meanwhile."""
        books = self._partitions.get(partition)
        if books is not None:
            books.committed(offset)

    def unaccounted(self, partition: P, *, position: int) -> int:
        """Offsets that the consumer has handed out (`position`) and that these books know nothing of: 0, or a bug.

        position − committed base − in flight − settled, where offsets that hold no record count as settled.
        """
        books = self._partitions[partition]
        return position - books.base - len(books.open) - books.done
