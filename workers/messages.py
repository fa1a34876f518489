"""What the loop and the pool's processes hand to each other. NamedTuples: they pickle quickly."""

from typing import Any, NamedTuple

from topics.events import TRACE, Headers


class Record(NamedTuple):
    """A record as the broker hands it over. `timestamp` is in milliseconds since the epoch.

    `schema` is what its registry says of it, packed (`topics.inputs.framing`), once somebody has asked.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    schema: bytes | None = None


class Output(NamedTuple):
    """A record to be sent. `role` names the topic (`topics.catalog`); `every` sends it to each of its partitions."""

    role: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    every: bool = False


class Result(NamedTuple):
    """What became of one record: `outcome` is enriched, filtered or dead_lettered, and `reason` says why.

    `first` is to be acknowledged before `then` is sent. `stages` are seconds by stage, `age` the seconds from
    publication to the broker (None: unknown), `entities` the number of mentions by label. `source` is the id of the
    listed source that the article is of (None: a stranger), `desks` and `rules` are the (desk, severity) and the
    (watchlist, rule) that it met, `boilerplate` the number of paragraphs taken out as its, `furniture` that of those
    taken out as anybody's, by kind.
    `paragraphs` is how many a model knew from before, and how many it tagged.
    `missing` are the fields that its input expects and the article does not have. `timing` is for spans
    (`workers.spans`), and is set outside of the pool.
    """

    outcome: str
    reason: str | None = None
    first: tuple[Output, ...] = ()
    then: tuple[Output, ...] = ()
    stages: dict[str, float] = {}  # noqa: RUF012  # nobody writes to it
    age: float | None = None
    entities: dict[str, int] = {}  # noqa: RUF012  # nor to this
    source: str | None = None
    desks: tuple[tuple[str, str], ...] = ()
    rules: tuple[tuple[str, str], ...] = ()
    boilerplate: int = 0
    furniture: dict[str, int] = {}  # noqa: RUF012  # nor to this
    missing: tuple[str, ...] = ()
    paragraphs: tuple[int, int] = (0, 0)
    timing: Any = None


ENRICHED = "enriched"
FILTERED = "filtered"
DEAD_LETTERED = "dead_lettered"

__all__ = ["DEAD_LETTERED", "ENRICHED", "FILTERED", "TRACE", "Headers", "Output", "Record", "Result"]
