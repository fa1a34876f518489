"""Fakes that several tests share. Steps for pool processes stand here so that a spawned process can import them."""

import os
import signal
import time
from collections.abc import Sequence

from workers.messages import ENRICHED, Output, Record, Result


class HarmfulStep:
    """A Step that does to its process what the record's value says: hang, eat memory, die, raise."""

    def __init__(self) -> None:
        self.watchlists = b""

    def use_watchlists(self, data: bytes) -> None:
        self.watchlists = data

    def __call__(self, records: Sequence[Record]) -> list[Result]:
        return [self._one(record) for record in records]

    def _one(self, record: Record) -> Result:
        value = record.value or b""
        if value == b"hang":
            time.sleep(600)
        elif value == b"memory":
            bytearray(64 * 1024**3)
        elif value == b"kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif value == b"raise":
            raise RuntimeError("a bug")
        elif value == b"pid":
            value = str(os.getpid()).encode()
        return Result(ENRICHED, then=(Output("enriched", None, value + b"|" + self.watchlists),))


class BrokenStep(HarmfulStep):
    """A Step that cannot be made."""

    def __init__(self) -> None:
        raise RuntimeError("the model is not there")
