"""Names that the text as a whole gives, laid over what the model and the gazetteer found one by one."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence

from topics.records import Mention
from workers.article.document import NAMES

Rival = Callable[[Mention, Mention], bool]
"""Whether the first, a name that the text gives, may replace the second, which overlaps it."""


def laid_over(mentions: Sequence[Mention], given: Iterable[Mention], wins: Rival) -> tuple[Mention, ...]:
    """The mentions, with those given in the place of what they win over; one that does not win is left out.

    `mentions` are of one field, in order and without overlaps, and so is what is returned.
    """
    kept = list(mentions)
    for mention in given:
        first = bisect_right(kept, mention.start, key=lambda other: other.end)
        last = bisect_left(kept, mention.end, key=lambda other: other.start)
        rivals = kept[first:last]
        if all(wins(mention, rival) for rival in rivals):
            kept[first:last] = [mention]
    return tuple(kept)


def completes(given: Mention, other: Mention) -> bool:
    """Whether a name takes the place of a mention: of a part of it."""
    longer = given.end - given.start > other.end - other.start
    return longer and given.start <= other.start and other.end <= given.end and other.label in NAMES
