"""Dead letters on their way back: a batch is sent, acknowledged, and only then marked as redriven.

Whoever kills us between the two finds the batch unmarked, and it is sent again the next time: the same articles with
the same ids, which are no repeats for a desk.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from workers.dead_letters import REDRIVEN_FROM
from workers.letters.destinations import (
    REDRIVEN_BEFORE,
    Destination,
    Outcome,
    Partitions,
    Stays,
    ToSink,
    ToTopic,
    destination,
)
from workers.letters.letter import REDRIVEN, REDRIVEN_TO, Letter
from workers.letters.reading import Letters
from workers.letters.sending import Outgoing, send
from workers.letters.to_sinks import Couriers
from workers.settings import Settings
from workers.tracing.scan import Progress

BATCH, BATCH_BYTES = 500, 16 * 1024 * 1024
"""At most so much is in flight; and is sent again after a kill."""
MOST_REASONS = 50
"""So many are counted apart: they name topics and sinks, and headers may hold any number of those."""
OTHERS = "other reasons"

Tell = Callable[[Letter, str | Stays], None]
"""Is told where each letter has arrived (or would go), or why it stays."""


@dataclass(slots=True)
class Done:
    """How many letters went where (a topic, a sink), and how many stayed, by why.

    `problems` are those of them that stayed for a fault, `unmarked` those that went and could not be marked.
    """

    redriven: Counter[str] = field(default_factory=Counter)
    stayed: Counter[str] = field(default_factory=Counter)
    problems: int = 0
    unmarked: int = 0

    def goes(self, to: ToTopic | ToSink) -> None:
        self.redriven[to.topic if isinstance(to, ToTopic) else str(to)] += 1

    def stays(self, found: Stays) -> None:
        known = found.why in self.stayed or len(self.stayed) < MOST_REASONS
        self.stayed[found.why if known else OTHERS] += 1
        self.problems += not found.harmless


class Redrive:
    """`done` says how far it has got, also where `run` raises."""

    def __init__(
        self,
        settings: Settings,
        letters: Letters,
        *,
        producer: Any,
        partitions: Partitions,
        couriers: Couriers,
        again: bool = False,
        dry: bool = False,
        tell: Tell = lambda letter, said: None,
    ) -> None:
        """`again`: those that were redriven before, too. `dry`: nothing is sent, and `producer` is not used."""
        self._settings = settings
        self._letters = letters
        self._producer = producer
        self._partitions = partitions
        self._couriers = couriers
        self._again = again
        self._dry = dry
        self._tell = tell
        self.done = Done()

    async def run(self, progress: Progress | None = None) -> None:
        """After `letters.find_marks`. Raises ConfigError where a sink's settings are wrong, and KafkaError and
        TimeoutError where the brokers fail: what was acknowledged until then is marked.
        """
        async for batch in _batches(self._letters.read(progress)):
            leaving = self._leaving(batch)
            if self._dry:
                for letter, to in leaving:
                    self._went(letter, to, str(to))
            else:
                await self._redrive(leaving)

    def _leaving(self, batch: Sequence[Letter]) -> list[tuple[Letter, ToTopic | ToSink]]:
        leaving: list[tuple[Letter, ToTopic | ToSink]] = []
        for letter in batch:
            found = self._destination(letter)
            if isinstance(found, Stays):
                self._stays(letter, found)
                continue
            if isinstance(found, ToSink):
                self._couriers.courier(found.route)  # what is wrong with its settings is said before anything goes
            leaving.append((letter, found))
        return leaving

    def _destination(self, letter: Letter) -> Destination:
        if letter in self._letters and not self._again:
            return REDRIVEN_BEFORE
        return destination(letter, self._settings, self._partitions)

    async def _redrive(self, leaving: Sequence[tuple[Letter, ToTopic | ToSink]]) -> None:
        outcomes = await self._to_topics([(letter, to) for letter, to in leaving if isinstance(to, ToTopic)])
        if not any(isinstance(said, BaseException) for _, said in outcomes):
            outcomes += await self._couriers.deliver(
                [(letter, to.route) for letter, to in leaving if isinstance(to, ToSink)]
            )
        arrived = [(letter, said) for letter, said in outcomes if isinstance(said, str)]
        marked = await self._send([self._mark(letter, said) for letter, said in arrived])
        self._count(leaving, outcomes)
        self.done.unmarked += sum(not isinstance(said, str) for said in marked)
        for said in (*(said for _, said in outcomes), *marked):
            if isinstance(said, BaseException):
                raise said

    async def _to_topics(self, leaving: Sequence[tuple[Letter, ToTopic]]) -> list[tuple[Letter, Outcome]]:
        sent = await self._send([_back(letter, to) for letter, to in leaving])
        return [(letter, said) for (letter, _), said in zip(leaving, sent, strict=True)]

    async def _send(self, records: Sequence[Outgoing]) -> list[Outcome]:
        return await send(self._producer, records, limit=2 * self._settings.kafka.request_timeout)

    def _mark(self, letter: Letter, to: str) -> Outgoing:
        headers = ((REDRIVEN, str(letter.place).encode()), (REDRIVEN_TO, to.encode()))
        topic = self._settings.topic("dead-letters")
        # A record with neither key nor value would take a batch of its own.
        key = str(letter.place).encode() if letter.key is None else letter.key
        return Outgoing(topic, letter.place.partition, key, None, headers)

    def _count(
        self, leaving: Sequence[tuple[Letter, ToTopic | ToSink]], outcomes: Sequence[tuple[Letter, Outcome]]
    ) -> None:
        went = {letter.place: to for letter, to in leaving}
        for letter, said in outcomes:
            if isinstance(said, Stays):
                self._stays(letter, said)
            elif isinstance(said, str):
                self._went(letter, went[letter.place], said)

    def _went(self, letter: Letter, to: ToTopic | ToSink, said: str) -> None:
        self.done.goes(to)
        self._tell(letter, said)

    def _stays(self, letter: Letter, found: Stays) -> None:
        self.done.stays(found)
        self._tell(letter, found)


def _back(letter: Letter, to: ToTopic) -> Outgoing:
    """The record as it came, and which letter it was."""
    headers = (*letter.headers, (REDRIVEN_FROM, str(letter.place).encode()))
    return Outgoing(to.topic, to.partition, letter.key, letter.value, headers)


async def _batches(letters: AsyncIterator[Letter]) -> AsyncIterator[list[Letter]]:
    batch: list[Letter] = []
    size = 0
    async for letter in letters:
        if batch and (len(batch) == BATCH or size + letter.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(letter)
        size += letter.size
    if batch:
        yield batch
