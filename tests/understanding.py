"""Mentions as an article gives them, for tests that say what a model found."""

import re
from itertools import pairwise

from topics.records import Mention
from workers.article.gazetteer import Gazetteer
from workers.article.names import understood

Found = tuple[str, str]
"""What a model found, everywhere in the text: (text, label)."""


def understand(
    text: str, *model: Found, title: str = "", gazetteer: Gazetteer | None = None, language: str = ""
) -> tuple[Mention, ...]:
    """The mentions of an article of which a model found these, wherever they stand; offsets and order are checked."""
    texts = {"title": title, "text": text}
    found = [
        Mention(field=field, start=m.start(), end=m.end(), text=name, label=label, name=name)
        for field, where in texts.items()
        for name, label in model
        for m in re.finditer(rf"\b{re.escape(name)}", where)
    ]
    known = [m for field in texts.items() for m in (gazetteer.mentions(*field, language) if gazetteer else ())]
    mentions = understood(texts, found, known, gazetteer, language=language)
    assert all(texts[m.field][m.start : m.end] == m.text for m in mentions)
    assert all(one.field != two.field or one.end <= two.start for one, two in pairwise(mentions))
    return mentions
