"""Who and what a text names, by a spaCy pipeline. The only place where spaCy is imported.

The paragraph is the unit that is tagged: the same results as for whole texts, bounded in memory, and a text of a
million characters needs no special case.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from topics.errors import ConfigError
from topics.records import Mention
from workers.article.options import NONE

MAX_CHARACTERS = 100_000
"""Of each text, how much is tagged: the rest of a longer one is a table or a transcript, and costs seconds."""
BATCH = 16
"""Paragraphs at once: larger batches fall out of the processor's cache."""

_PARAGRAPH = re.compile(r"[^\n]+")
_PIECE = 5_000
# spaCy's tokenizer peels one character at a time off a token: its time is quadratic in the token's length.
_LONG_TOKEN = re.compile(r"\S{200,}")
_LEADING = re.compile(r"(?:the|The|THE)\s+")
_TRAILING = re.compile(r"(?:['’]s?|\s+)$")
_UNUSED = ("tagger", "parser", "attribute_ruler", "lemmatizer", "senter", "morphologizer", "textcat")


class Recogniser:
    """A spaCy pipeline, loaded for entities only.

    `model` is an installed package's name, a folder, or "none". Raises ConfigError when it cannot be loaded.
    """

    def __init__(self, model: str) -> None:
        self._nlp = None if model == NONE else _load(model)
        self.name = _name_of(model, self._nlp)

    def mentions(self, texts: Sequence[tuple[str, str]]) -> list[list[Mention]]:
        """The mentions in each (field, text), with offsets into the text, in order. Names are as in the text."""
        found: list[list[Mention]] = [[] for _ in texts]
        if self._nlp is None:
            return found
        with self._nlp.memory_zone():
            for doc, (index, base) in self._nlp.pipe(_paragraphs(texts), as_tuples=True, batch_size=BATCH):
                field, text = texts[index]
                found[index].extend(_mention(field, text, base, ent) for ent in doc.ents)
        return [[mention for mention in mentions if mention.text] for mentions in found]


def _load(model: str) -> Any:
    from thinc.api import NumpyOps, set_current_ops

    # Before spacy.load: the wheels of blis run a generic kernel on many processors, half as fast as numpy's.
    set_current_ops(NumpyOps(use_blis=False))
    import spacy

    try:
        nlp = spacy.load(model, exclude=list(_UNUSED))
    except (OSError, ValueError, ImportError) as error:
        raise ConfigError(f"model: cannot load {model!r}: {str(error).splitlines()[0]}") from None
    if not any(name in nlp.pipe_names for name in ("ner", "entity_ruler", "span_ruler")):
        raise ConfigError(f"model: {model!r} has no component that finds entities (pipeline: {nlp.pipe_names})")
    _drop_unused_embedding(nlp)
    return nlp


def _drop_unused_embedding(nlp: Any) -> None:
    # spaCy's small and medium pipelines: "ner" brings a tok2vec of its own, the shared one then serves nobody.
    if "tok2vec" in nlp.pipe_names and not nlp.get_pipe("tok2vec").listeners:
        nlp.remove_pipe("tok2vec")


def _name_of(model: str, nlp: Any) -> str:
    if nlp is None:
        return NONE
    return f"{nlp.meta.get('lang', '')}_{nlp.meta.get('name', model)}-{nlp.meta.get('version', '0')}"


def _paragraphs(texts: Sequence[tuple[str, str]]) -> Iterator[tuple[str, tuple[int, int]]]:
    """(paragraph, (which text, where it starts)) of every text."""
    for index, (_, text) in enumerate(texts):
        for match in _PARAGRAPH.finditer(text, 0, MAX_CHARACTERS):
            for start, piece in _pieces(match[0]):
                yield _tamed(piece), (index, match.start() + start)


def _pieces(paragraph: str) -> Iterator[tuple[int, str]]:
    """A paragraph in pieces of at most `_PIECE` characters, cut at blanks."""
    start = 0
    while len(paragraph) - start > _PIECE:
        cut = paragraph.rfind(" ", start + _PIECE // 2, start + _PIECE)
        end = cut if cut > 0 else start + _PIECE
        yield start, paragraph[start:end]
        start = end
    yield start, paragraph[start:]


def _tamed(text: str) -> str:
    """Blanks for tokens too long to be words: as many characters, so that offsets stay."""
    return _LONG_TOKEN.sub(lambda m: " " * len(m[0]), text)


def _mention(field: str, text: str, base: int, ent: Any) -> Mention:
    start, end = base + ent.start_char, base + ent.end_char
    start, end = _trimmed(text, start, end)
    span = text[start:end]
    return Mention(field=field, start=start, end=end, text=span, label=ent.label_, name=" ".join(span.split()))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without a leading "the", a trailing possessive, and blanks."""
    span = text[start:end]
    leading = _LEADING.match(span)
    if leading:
        start += leading.end()
    trailing = _TRAILING.search(text[start:end])
    if trailing:
        end = start + trailing.start()
    return start, max(start, end)
