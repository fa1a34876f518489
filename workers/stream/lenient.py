"""Headers whose names are no UTF-8: aiokafka cannot step over the batch that holds one, and stands still for ever.

Nothing but a program that writes the protocol itself makes such a header, but one suffices to stop a partition.
When it comes, records are parsed by aiokafka's Python parser from then on, which is told to replace what it cannot
decode; the faster compiled one cannot be told.
"""

from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


class _Bytes(bytearray):
    """Slices of it decode with U+FFFD for what is no UTF-8."""

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return _Bytes(found) if isinstance(key, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, "replace")


class _Batch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka has no types
    _buffer: bytearray

    def _read_msg(self) -> Any:
        if not isinstance(self._buffer, _Bytes):  # uncompressed by now
            self._buffer = _Bytes(self._buffer)
        return super()._read_msg()


class _Records(_MemoryRecordsPy):  # type: ignore[misc]
    def next_batch(self, *offsets: int) -> Any:
        piece = self._next_slice
        if piece is None or piece[self.MAGIC_OFFSET] < 2:  # before headers were invented
            return super().next_batch(*offsets)
        self._cache_next()
        return _Batch(piece)


def install() -> None:
    """Parse so from now on, in this process."""
    fetcher.MemoryRecords = _Records
