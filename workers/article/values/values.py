"""What a mention of a date, an amount of money, a percentage or a quantity is worth, where that is certain."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from topics.records import Mention
from workers.article.values.dates import date_value, numeric_date
from workers.article.values.money import money_value, percent_value
from workers.article.values.quantities import quantity_value

_LONGEST = 80
"""Characters: a value that is certain is said in fewer, and it bounds the work."""
_AROUND = 200
ENGLISH = "en"
_UNITED_STATES = "Q30"
# Countries that write their own currency "$", by Wikidata id: Canada, Australia, New Zealand, Singapore, Hong Kong,
# Mexico, Argentina, Chile, Colombia, Uruguay, Jamaica, Bahamas, Barbados, Trinidad and Tobago, Fiji, Namibia, Liberia.
_DOLLARS_ELSEWHERE = frozenset(
    {"Q16", "Q408", "Q664", "Q334", "Q8646", "Q96", "Q414", "Q298", "Q739", "Q77", "Q766", "Q778", "Q244", "Q754"}
    | {"Q712", "Q1030", "Q1014"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What an article's values depend on. `dollars`: a bare "$" is the US dollar; `before` and `after`: the text
    around the mention."""

    language: str = "en"
    published_at: datetime | None = None
    dollars: bool = False
    before: str = ""
    after: str = ""


def value_of(label: str, text: str, setting: Setting) -> str | None:
    """ISO 8601 for a DATE, code and amount for MONEY, a number for PERCENT, number and unit for a QUANTITY.

    None for other labels, and where the text may mean two things. Only numeric dates are read in other languages
    than English.
    """
    find = _VALUES.get(label)
    text = " ".join(text[: _LONGEST + 1].split()).removeprefix("the ")
    if find is None or len(text) > _LONGEST:
        return None
    if setting.language != ENGLISH:
        return numeric_date(text) if label == "DATE" else None
    return find(text, setting)


def valued(
    mentions: Sequence[Mention], texts: Mapping[str, str], *, language: str, published_at: datetime | None
) -> tuple[Mention, ...]:
    """The same mentions, with values. `texts` are the article's fields."""
    dollars = _in_us_dollars(mentions)

    def value(mention: Mention) -> str | None:
        field = texts[mention.field]
        setting = Setting(
            language=language,
            published_at=published_at,
            dollars=dollars,
            before=field[max(0, mention.start - _AROUND) : mention.start],
            after=field[mention.end : mention.end + _AROUND],
        )
        return value_of(mention.label, mention.text, setting)

    values = [value(mention) if mention.label in _VALUES else None for mention in mentions]
    return tuple(replace(m, value=v) if v else m for m, v in zip(mentions, values, strict=True))


def _in_us_dollars(mentions: Iterable[Mention]) -> bool:
    named = {mention.entity_id for mention in mentions}
    return _UNITED_STATES in named and not named & _DOLLARS_ELSEWHERE


def _of_date(text: str, setting: Setting) -> str | None:
    return date_value(text, setting.published_at, before=setting.before, after=setting.after)


def _of_money(text: str, setting: Setting) -> str | None:
    return money_value(text, dollars=setting.dollars, before=setting.before, after=setting.after)


def _of_percent(text: str, _: Setting) -> str | None:
    return percent_value(text)


def _of_quantity(text: str, setting: Setting) -> str | None:
    return quantity_value(text, after=setting.after)


_VALUES: dict[str, Callable[[str, Setting], str | None]] = {
    "DATE": _of_date,
    "MONEY": _of_money,
    "PERCENT": _of_percent,
    "QUANTITY": _of_quantity,
}
