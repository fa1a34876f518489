"""What canonical names are worth against gold: which mentions have the name that people gave them.

A mention that was found meets one of the gold standard when field, start and end are the same, but for a full stop at
the end ("Inc."). It has the right name when that is one of the gold's, or both have the same id.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.gold.marked import CLASSES, Annotated, Named
from topics.records import Mention


class Counts(NamedTuple):
    """Of mentions: in the gold standard; found; found where the gold has one; and of those, with the right name.

    `told` and `told_right` are of those found that are said to be somebody: by a name that is not their own text, or by
    an id. `joined` and `joined_right` are of the gold's whose name is not their own text: a surname, an acronym,
    another spelling. `exact` have the right class, too.
    """

    gold: int = 0
    found: int = 0
    met: int = 0
    right: int = 0
    told: int = 0
    told_right: int = 0
    joined: int = 0
    joined_right: int = 0
    exact: int = 0

    @property
    def precision(self) -> float:
        """Of the mentions found where the gold has one, how many have the right name."""
        return self.right / (self.met or 1)

    @property
    def precision_told(self) -> float:
        """Of those that are given a name other than their text, or an id, how many have the right one."""
        return self.told_right / (self.told or 1)

    @property
    def recall(self) -> float:
        """Of all mentions of the gold, how many were found with the right name."""
        return self.right / (self.gold or 1)

    @property
    def recall_joined(self) -> float:
        """The same, of the mentions whose text alone does not say who or what they are."""
        return self.joined_right / (self.joined or 1)

    @property
    def precision_strict(self) -> float:
        """Of all mentions found, how many are in the gold with the right name and class."""
        return self.exact / (self.found or 1)


def count(found: Iterable[Mention], article: Annotated) -> Counts:
    """One article's counts. What the gold calls MISC, and what is found there, is left out."""
    scored = [named for named in article.named if named.label in CLASSES]
    others = [named for named in article.named if named.label not in CLASSES]
    gold = {_place(named): named for named in scored}
    counted = [mention for mention in found if mention.label in CLASSES and not _touches(mention, others)]
    met = [(mention, gold[_place(mention)]) for mention in counted if _place(mention) in gold]
    right = [(mention, named) for mention, named in met if is_right(mention, named)]
    return Counts(
        gold=len(scored),
        found=len(counted),
        met=len(met),
        right=len(right),
        told=sum(_is_told(mention) for mention, _ in met),
        told_right=sum(_is_told(mention) for mention, _ in right),
        joined=sum(_is_joined(named) for named in scored),
        joined_right=sum(_is_joined(named) for _, named in right),
        exact=sum(CLASSES[mention.label] == CLASSES[named.label] for mention, named in right),
    )


def total(counts: Sequence[Counts]) -> Counts:
    return Counts(*map(sum, zip(*counts, strict=True)))


def is_right(mention: Mention, named: Named) -> bool:
    return mention.name in named.names or (mention.entity_id is not None and mention.entity_id == named.entity_id)


def _place(span: Mention | Named) -> tuple[str, int, int]:
    return span.field, span.start, span.start + len(span.text.rstrip("."))


def _touches(mention: Mention, others: Iterable[Named]) -> bool:
    return any(o.field == mention.field and o.start < mention.end and mention.start < o.end for o in others)


def _is_told(mention: Mention) -> bool:
    return mention.entity_id is not None or mention.name != " ".join(mention.text.split())


def _is_joined(named: Named) -> bool:
    return " ".join(named.text.split()) not in named.names
