"""What is told of the places where a rule was met: a few of them, as evidence."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from alerts.compiled import Asked, Use
from topics.records import Evidence

MAX_EVIDENCE = 8
"""Of one rule in one article."""


class Place(NamedTuple):
    """Where a term was found: in field 0 (title) or 1 (text), in the original's code points.

    `label` is that of the mention there, where the term asks for one.
    """

    field: int
    start: int
    end: int
    label: str | None


class Found(NamedTuple):
    """The places of what uses have in common."""

    asked: Asked
    places: list[Place]


class Proof:
    """The evidence in one article, title and text: made once for all rules that were met alike."""

    def __init__(self, contents: tuple[str, str]) -> None:
        self._contents = contents
        self._made: dict[tuple[tuple[int, int, str, str | None], ...], tuple[Evidence, ...]] = {}

    def of(self, met: Sequence[tuple[Use, Found]]) -> tuple[Evidence, ...]:
        """The evidence of one rule: its uses that were found, and where."""
        alike = tuple((found.asked.number, use.order, use.clause, use.alias_of) for use, found in met)
        if alike not in self._made:
            chosen = _telling([(place, use) for use, found in met for place in found.places])
            self._made[alike] = tuple(self._evidence(place, use) for place, use in chosen)
        return self._made[alike]

    def _evidence(self, place: Place, use: Use) -> Evidence:
        return Evidence(
            field="text" if place.field else "title",
            start=place.start,
            end=place.end,
            text=self._contents[place.field][place.start : place.end],
            clause=use.clause,
            alias_of=use.alias_of,
            label=place.label,
            entity=use.entity,
        )


def _telling(places: Iterable[tuple[Place, Use]]) -> list[tuple[Place, Use]]:
    """In order, the longest where they overlap; past `MAX_EVIDENCE`, each term's first before any term's second."""
    apart: list[tuple[Place, Use]] = []
    for place, use in sorted(places, key=_in_order):
        if not apart or apart[-1][0].field != place.field or place.start >= apart[-1][0].end:
            apart.append((place, use))
    if len(apart) <= MAX_EVIDENCE:
        return apart
    seen: dict[int, int] = {}
    ranked = []
    for position, (_, use) in enumerate(apart):
        seen[use.order] = seen.get(use.order, -1) + 1
        ranked.append((seen[use.order] > 0, position))
    return [apart[position] for position in sorted(position for _, position in sorted(ranked)[:MAX_EVIDENCE])]


def _in_order(found: tuple[Place, Use]) -> tuple[int, int, int, int]:
    place, use = found
    return place.field, place.start, -place.end, use.order
