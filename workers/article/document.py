"""An article as names are looked for in it: title and text as one, each mention with its words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from topics.records import Mention
from workers.article.context import is_a_thing
from workers.article.gazetteer import Gazetteer
from workers.article.words import Words

NAMES = frozenset(("PERSON", "ORG", "GPE", "LOC", "FAC"))
"""Labels of which one name has one within an article."""

NAMELIKE = NAMES | {"NORP", "PRODUCT", "WORK_OF_ART", "EVENT", "LAW", "LANGUAGE"}
"""Labels of what a model may have taken a person for."""

Span = tuple[str, int, int]
"""Field, start and end."""


@dataclass(frozen=True, slots=True)
class Document:
    """`known` are the spans that the gazetteer found; `lower` the words that stand somewhere without a capital."""

    fields: Mapping[str, Words]
    known: frozenset[Span]
    lower: frozenset[str]
    gazetteer: Gazetteer | None

    @classmethod
    def of(
        cls,
        texts: Mapping[str, str],
        known: Iterable[Mention] = (),
        gazetteer: Gazetteer | None = None,
        *,
        language: str = "",
    ) -> "Document":
        fields = {field: Words.of(field, text, language) for field, text in texts.items()}
        lower = frozenset(word.folded for words in fields.values() for word in words.words if not word.capital)
        return cls(fields=fields, known=frozenset(map(span, known)), lower=lower, gazetteer=gazetteer)

    def words(self, mention: Mention) -> tuple[Words, range]:
        """A mention's field, and the indices of its words: none where it does not begin and end with whole ones."""
        words = self.fields[mention.field]
        return words, words.inside(mention.start, mention.end)

    def form(self, mention: Mention) -> tuple[str, ...]:
        """A mention's words, folded: what two mentions of one name have in common."""
        words, at = self.words(mention)
        return words.form(at)

    def listed(self, mention: Mention) -> tuple[str, str | None] | None:
        """The gazetteer's name and id of a mention; None for one that it does not know."""
        own = " ".join(mention.text.split())
        if mention.name not in (own, "") or mention.entity_id is not None:
            return mention.name, mention.entity_id
        return None if self.gazetteer is None else self.gazetteer.lookup(own, mention.label)

    def listed_as(self, name: str, label: str) -> tuple[str, str | None]:
        """A well-known name as the gazetteer has it, with its id; the name alone where it has not."""
        return (None if self.gazetteer is None else self.gazetteer.lookup(name, label)) or (name, None)

    def is_a_thing(self, mention: Mention) -> bool:
        """Whether a known company's name stands for something else here: "Apple pie"."""
        found = mention.label == "ORG" and is_a_thing(self.fields[mention.field].text, mention.end)
        return found and self.gazetteer is not None and self.gazetteer.is_also_a_word(mention.text)

    def lookup(self, mention: Mention) -> tuple[str, str | None]:
        """The gazetteer's name and id of a mention, else its own text."""
        return self.listed(mention) or (" ".join(mention.text.split()), None)


def span(mention: Mention) -> Span:
    return mention.field, mention.start, mention.end


def mention_of(words: Words, at: range, label: str) -> Mention:
    """These words as a mention, under its own text as name."""
    start, end = words.words[at.start].start, words.words[at.stop - 1].end
    text = words.text[start:end]
    return Mention(field=words.field, start=start, end=end, text=text, label=label, name=" ".join(text.split()))


def relabelled(mention: Mention, label: str) -> Mention:
    """The mention as another kind of thing: what it was named as such no longer holds."""
    if mention.label == label:
        return mention
    return replace(mention, label=label, name=" ".join(mention.text.split()), entity_id=None)


def named(mention: Mention, name: str, entity_id: str | None) -> Mention:
    if (mention.name, mention.entity_id) == (name, entity_id):
        return mention
    return replace(mention, name=name, entity_id=entity_id)


def by_field(mentions: Iterable[Mention]) -> dict[str, list[Mention]]:
    fields: dict[str, list[Mention]] = {}
    for mention in mentions:
        fields.setdefault(mention.field, []).append(mention)
    return fields


def title_first(fields: Mapping[str, Sequence[Mention]]) -> tuple[Mention, ...]:
    return tuple(mention for field in sorted(fields, key=lambda f: (f != "title", f)) for mention in fields[field])
