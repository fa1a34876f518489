"""Who and what a text names, by a spaCy pipeline. The only place where spaCy is imported.

The paragraph is the unit that is tagged: the same results as for whole texts, bounded in memory, and a text of a
million characters needs no special case. What is found in one does not depend on its neighbours in a batch, so that
what was found before may stand for it.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from topics.errors import ConfigError
from topics.records import Mention
from workers.article.labels import ours
from workers.article.language import legible, normalise
from workers.article.options import ENGLISH
from workers.article.paragraphs import Cache, Span, key, paragraphs

BATCH = 16
"""Paragraphs at once: larger batches fall out of the processor's cache."""

# OpenBLAS multiplies small matrices (of up to 18 rows, as seen; a row is a token) in an order of their own, which
# changes the last digits: smaller batches get this besides, and a paragraph's numbers are the same to the bit.
_FEW = 64
_FILLER = "and " * _FEW
_LEADING = re.compile(r"(?:the|The|THE)\s+")
_TRAILING = re.compile(r"(?:['’]s?|\s+)$")
_UNUSED = (
    *("tagger", "parser", "attribute_ruler", "lemmatizer", "trainable_lemmatizer", "senter", "morphologizer"),
    *("textcat", "textcat_multilabel"),
)
_FINDERS = ("ner", "beam_ner", "entity_ruler", "span_ruler")
_SEVERAL = "xx"
"""What spaCy calls the language of a pipeline for several."""


class Tagged(NamedTuple):
    """The mentions in a text, and how many of its paragraphs were known before, and were tagged for it."""

    mentions: list[Mention]
    known: int
    new: int


class Recogniser:
    """A spaCy pipeline, loaded for entities only, for texts of one language.

    `model` is an installed package's name or a folder; `setting` is where it was named. `cache` may be shared with
    others. Raises ConfigError when the pipeline cannot be loaded, finds no entities, or is for another language.
    """

    def __init__(
        self, model: str, *, language: str = ENGLISH, setting: str = "model", cache: Cache | None = None
    ) -> None:
        self._nlp = _load(model, language=language, setting=setting)
        self._language = language
        self._cache = Cache(0) if cache is None else cache
        self.name = _name_of(self._nlp, model)
        self._known_as = f"{language} {model} {self.name}"

    def mentions(self, texts: Sequence[tuple[str, str]]) -> list[list[Mention]]:
        """The mentions in each (field, text), with offsets into the text, in order. Names are as in the text."""
        return [tagged.mentions for tagged in self.tag(texts)]

    def tag(self, texts: Sequence[tuple[str, str]]) -> list[Tagged]:
        """As `mentions`, with what the cache spared. Nothing is found in paragraphs of another language's script."""
        units = [
            (index, part)
            for index, (_, text) in enumerate(texts)
            for part in paragraphs(text)
            if legible(part.text, self._language)
        ]
        keys = [self._key(number, part.text) for number, (_, part) in enumerate(units)]
        spans, new = self._spans(dict(zip(keys, (part.text for _, part in units), strict=True)))
        found: list[list[Mention]] = [[] for _ in texts]
        known, tagged = [0] * len(texts), [0] * len(texts)
        for (index, part), name in zip(units, keys, strict=True):
            (tagged if name in new else known)[index] += 1
            new.discard(name)
            found[index].extend(_mention(*texts[index], part.start, span) for span in spans[name])
        return [Tagged([m for m in one if m.text], *counts) for one, *counts in zip(found, known, tagged, strict=True)]

    def _key(self, number: int, text: str) -> bytes:
        return key(self._known_as, text) if self._cache else str(number).encode()

    def _spans(self, texts: dict[bytes, str]) -> tuple[dict[bytes, tuple[Span, ...]], set[bytes]]:
        """The spans of each paragraph by its key, and the keys of those that had to be tagged."""
        spans = {name: known for name in texts if (known := self._cache.get(name)) is not None}
        new = [name for name in texts if name not in spans]
        for name, found in zip(new, self._recognised([texts[name] for name in new]), strict=True):
            self._cache.put(name, found)
            spans[name] = found
        return spans, set(new)

    def _recognised(self, texts: Sequence[str]) -> list[tuple[Span, ...]]:
        found: list[tuple[Span, ...]] = []
        with self._nlp.memory_zone():
            for start in range(0, len(texts), BATCH):
                batch = [self._nlp.make_doc(text) for text in texts[start : start + BATCH]]
                filler = [self._nlp.make_doc(_FILLER)] if sum(map(len, batch)) < _FEW else []
                docs = self._nlp.pipe([*batch, *filler], batch_size=BATCH + 1)
                found += [_spans(doc) for doc in docs][: len(batch)]
        return found


def _load(model: str, *, language: str, setting: str) -> Any:
    from thinc.api import NumpyOps, set_current_ops

    # Before spacy.load: the wheels of blis run a generic kernel on many processors, half as fast as numpy's.
    set_current_ops(NumpyOps(use_blis=False))
    import spacy

    try:
        nlp = spacy.load(model, exclude=list(_UNUSED))
        _drop_unused_embedding(nlp)
        nlp("1")  # the pieces may fit badly, which shows only now
    except Exception as error:  # a package of the user's own: whatever goes wrong in it, the setting is wrong
        why = (str(error) or type(error).__name__).splitlines()[0]
        install = f" (python -m spacy download {model})" if model.isidentifier() else ""
        raise ConfigError(
            f"{setting}: expected a spaCy pipeline, installed{install} or a folder, cannot load {model!r}: {why}"
        ) from None
    if not any(nlp.get_pipe_meta(name).factory in _FINDERS for name in nlp.pipe_names):
        raise ConfigError(
            f"{setting}: expected a pipeline with a component that finds entities ({', '.join(_FINDERS)}), "
            f"found {model!r} with {', '.join(nlp.pipe_names) or 'none'}"
        )
    if nlp.lang != _SEVERAL and normalise(nlp.lang) != language:
        raise ConfigError(f"{setting}: expected a pipeline for {language!r}, found {model!r} for {nlp.lang!r}")
    return nlp


def _drop_unused_embedding(nlp: Any) -> None:
    # spaCy's small and medium pipelines: "ner" brings a tok2vec of its own, the shared one then serves nobody.
    if "tok2vec" in nlp.pipe_names and not nlp.get_pipe("tok2vec").listeners:
        nlp.remove_pipe("tok2vec")


def _name_of(nlp: Any, model: str) -> str:
    return f"{nlp.meta.get('lang', '')}_{nlp.meta.get('name') or model}-{nlp.meta.get('version', '0')}"


def _spans(doc: Any) -> tuple[Span, ...]:
    """Plain data: a document is gone with its memory zone."""
    return tuple((ent.start_char, ent.end_char, label) for ent in doc.ents if (label := ours(ent.label_)))


def _mention(field: str, text: str, base: int, span: Span) -> Mention:
    start, end = _trimmed(text, base + span[0], base + span[1])
    found = text[start:end]
    return Mention(field=field, start=start, end=end, text=found, label=span[2], name=" ".join(found.split()))


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
