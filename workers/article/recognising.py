"""Who and what articles name: their language's model and the gazetteer, put together."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from alerts.gazetteer import Entry, version
from topics.records import Warn
from workers.article import names
from workers.article.capitals import capitals_of
from workers.article.entities import Recogniser
from workers.article.gazetteer import Gazetteer
from workers.article.options import Options
from workers.article.paragraphs import MAX_CHARACTERS, Cache
from workers.article.values import finding
from workers.article.values.values import valued
from workers.article.work import Work


class Recognition:
    """The models and the gazetteer, loaded. Raises ConfigError for a model that cannot be."""

    def __init__(self, options: Options, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        cache = Cache(options.paragraph_cache)
        self._recognisers = {
            language: Recogniser(model, language=language, setting=setting, cache=cache)
            for language, (setting, model) in options.recognisers.items()
        }
        self._own: Sequence[Entry] = ()
        self._gazetteer = Gazetteer.load()

    def know(self, own: Sequence[Entry]) -> None:
        """Know the user's own names, these and no others, from now on."""
        if version(own) != version(self._own):
            self._own, self._gazetteer = own, Gazetteer.load(own)

    def spellings(self, entity_id: str) -> tuple[str, ...]:
        """All texts by which an entity is recognised: a country by its capital, too, which may mean its government."""
        forms = self._gazetteer.spellings(entity_id)
        return (*forms, *(capital for form in forms for capital in capitals_of(form)))

    def recognise(self, works: Sequence[Work], *, by_model: Sequence[Work]) -> None:
        """Entities of all articles at once: the model is quicker in batches. It looks at those `by_model`."""
        started = self._clock()
        for work in works:
            if len(work.text) > MAX_CHARACTERS:
                reason = f"entities of the first {MAX_CHARACTERS} characters only"
                work.warnings.append(Warn(field="entities", reason=reason))
        by_language = defaultdict(list)
        for work in by_model:
            by_language[work.language].append(work)
        for language in by_language.keys() & self._recognisers.keys():
            self._by_model(self._recognisers[language], by_language[language])
        for work in works:
            self._named(work)
        for work in works:
            work.stages["entities"] = (self._clock() - started) / len(works)

    def _by_model(self, recogniser: Recogniser, works: Sequence[Work]) -> None:
        texts = [pair for work in works for pair in (("title", work.title), ("text", work.text))]
        found = recogniser.tag(texts)
        for work, title, text in zip(works, found[::2], found[1::2], strict=True):
            work.model = recogniser.name
            work.mentions = (*title.mentions, *text.mentions)
            work.paragraphs = (title.known + text.known, title.new + text.new)

    def _named(self, work: Work) -> None:
        """What the gazetteer knows beside them, canonical names, and values."""
        texts = {"title": work.title, "text": work.text[:MAX_CHARACTERS]}
        known = [mention for field in texts.items() for mention in self._gazetteer.mentions(*field, work.language)]
        model = [*work.mentions, *finding.found(texts, language=work.language)]
        named = names.understood(texts, model, known, self._gazetteer, language=work.language)
        work.mentions = valued(named, texts, language=work.language, published_at=work.article.published_at)
