"""Names in several words, found in a text: time is linear in the text, whatever number of names there is."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from workers.article.lexicon import PARTICLES
from workers.article.words import Words

Form = tuple[str, ...]
"""A name's words, folded."""

_END = ""


class Forms:
    """Many names as a tree of their words. No name is longer than the longest that was put in."""

    def __init__(self, forms: Iterable[Form]) -> None:
        self._tree: dict[str, Any] = {}
        for form in forms:
            at = self._tree
            for word in form:
                at = at.setdefault(word, {})
            at[_END] = True

    def begins(self, word: str) -> bool:
        """Whether one of the names begins with a word."""
        return word in self._tree

    def find(self, words: Words, stands: Callable[[Words, range], bool]) -> Iterator[range]:
        """Where a name is and `stands` agrees: the words' indices, leftmost first, of several the longest."""
        i = 0
        while i < len(words.words):
            end = next((end for end in self._ends(words, i) if stands(words, range(i, end))), None)
            if end is not None:
                yield range(i, end)
            i = end or i + 1

    def _ends(self, words: Words, first: int) -> list[int]:
        """Where the names end that begin with a capital, or a small word of names, the longest first."""
        word = words.words[first]
        ends: list[int] = []
        if not (word.capital or word.folded in PARTICLES):
            return ends
        at, i = self._tree, first
        while i < len(words.words) and words.words[i].folded in at and (i == first or words.joined(i)):
            at = at[words.words[i].folded]
            if _END in at and (words.words[i].capital or (i > first and words.glued(i))):
                ends.append(i + 1)
            i += 1
        return ends[::-1]
