"""Who and what articles name: the model and the gazetteer, put together."""

from collections.abc import Callable, Sequence

from alerts.gazetteer import Entry, version
from topics.records import Warn
from workers.article import names
from workers.article.entities import MAX_CHARACTERS, Recogniser
from workers.article.gazetteer import Gazetteer
from workers.article.options import Options
from workers.article.values.values import valued
from workers.article.work import Work

_ENGLISH = ("en", "und")


class Recognition:
    """The model and the gazetteer, loaded. Raises ConfigError for a model that cannot be."""

    def __init__(self, options: Options, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._recogniser = Recogniser(options.model)
        self._own: Sequence[Entry] = ()
        self._gazetteer = Gazetteer.load()

    @property
    def model(self) -> str:
        """The model's name and version."""
        return self._recogniser.name

    def know(self, own: Sequence[Entry]) -> None:
        """Know the user's own names, these and no others, from now on."""
        if version(own) != version(self._own):
            self._own, self._gazetteer = own, Gazetteer.load(own)

    def recognise(self, works: Sequence[Work]) -> None:
        """Entities of all articles at once: the model is quicker in batches."""
        started = self._clock()
        for work in works:
            if len(work.text) > MAX_CHARACTERS:
                reason = f"entities of the first {MAX_CHARACTERS} characters only"
                work.warnings.append(Warn(field="entities", reason=reason))
        self._by_model([work for work in works if work.language in _ENGLISH])
        for work in works:
            self._named(work)
        for work in works:
            work.stages["entities"] = (self._clock() - started) / len(works)

    def _by_model(self, works: Sequence[Work]) -> None:
        texts = [pair for work in works for pair in (("title", work.title), ("text", work.text))]
        found = self._recogniser.mentions(texts)
        for work, title, text in zip(works, found[::2], found[1::2], strict=True):
            work.mentions = (*title, *text)

    def _named(self, work: Work) -> None:
        """What the gazetteer knows beside them, canonical names, and values."""
        texts = {"title": work.title, "text": work.text[:MAX_CHARACTERS]}
        known = [mention for field in texts.items() for mention in self._gazetteer.mentions(*field, work.language)]
        named = names.understood(texts, work.mentions, known, self._gazetteer)
        work.mentions = valued(named, texts, language=work.language, published_at=work.article.published_at)
