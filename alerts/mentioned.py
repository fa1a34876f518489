"""Where an article's mentions are."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from topics.records import Mention

# Mentions have no article, possessive or punctuation at their edges; a rule's term may.
_CORE = re.compile(r"(?:the\s+)?\W*(.+?)(?:['’]s?)?\W*", re.IGNORECASE | re.DOTALL)


class Mentioned:
    """The mentions of one article, of which none overlap in a field."""

    def __init__(self, mentions: Sequence[Mention]) -> None:
        title = sorted((m for m in mentions if m.field == "title"), key=_start)
        text = sorted((m for m in mentions if m.field == "text"), key=_start)
        self._mentions = (title, text)
        self._starts = ([*map(_start, title)], [*map(_start, text)])

    def label(self, field: int, content: str, start: int, end: int) -> str | None:
        """The label of the mention that this place in the title (`field` 0) or text (1) is, or is a part of.

        "Apple" is a part of "Apple Inc."; an article or possessive at the place's edges is let pass. None: there is
        none, or the place reaches beyond it.
        """
        core = _CORE.fullmatch(content, start, end)
        first, last = core.span(1) if core else (start, end)
        at = bisect_right(self._starts[field], first) - 1
        if at < 0 or self._mentions[field][at].end < last:
            return None
        return self._mentions[field][at].label

    def of(self, entities: Collection[str], *, most: int) -> Iterator[tuple[int, Mention]]:
        """(field, mention) of these ids, in order: of each field, id and label the first `most`."""
        for field, mentions in enumerate(self._mentions):
            seen: Counter[tuple[str | None, str]] = Counter()
            for mention in mentions:
                kind = (mention.entity_id, mention.label)
                if mention.entity_id in entities and seen[kind] < most:
                    seen[kind] += 1
                    yield field, mention


def _start(mention: Mention) -> int:
    return mention.start


NOTHING = Mentioned(())
"""Where an article mentions nothing."""
