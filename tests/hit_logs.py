"""Records of `news.hits` made up for tests: single ones to say a promise with, and long logs to fold."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from alerts.stories import signature
from topics.identity import digest, hit_id
from topics.records import Evidence, Hit, Policy, RuleMet, Snippet, Tick, Withdrawn

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = 3600.0
_WORDS = [f"{a}{b}" for a in ("tar", "quo", "sub", "exp", "imp", "reb") for b in ("iff", "ta", "sidy", "ort", "ate")]


def text_of(topic: int, words: int = 120) -> str:
    """A text that only another of the same topic is like."""
    chosen = random.Random(topic)
    return " ".join(chosen.choice(_WORDS) + str(chosen.randrange(50)) for _ in range(words))


def met(*names: str, severity: str = "info", watchlist: str = "trade") -> tuple[RuleMet, ...]:
    """Rules of one watchlist, each with a piece of evidence."""
    proof = Evidence(field="text", start=4, end=10, text="tariff", clause="tariff*")
    return tuple(
        RuleMet(watchlist=watchlist, version="v1", rule=name, severity=severity, name=name.title(), evidence=(proof,))
        for name in names
    )


def hit(
    article: str = "a1",
    *,
    desk: str = "trade",
    at: float = 0.0,
    topic: int = 1,
    revision: str = "r1",
    rules: tuple[RuleMet, ...] | None = None,
    severity: str = "info",
    source: str | None = "wire",
    title: str | None = None,
    backfill: bool = False,
    cooldown: float = 6 * HOUR,
    text: str | None = None,
) -> Hit:
    """A hit `at` seconds after START. Articles of one `topic` tell the same story."""
    body = text_of(topic) if text is None else text
    return Hit(
        id=hit_id(desk, article, revision),
        desk=desk,
        seen_at=START + timedelta(seconds=at),
        article_id=article,
        revision=revision,
        url=f"https://news.example/{article}",
        source=source,
        title=f"Headline {topic}" if title is None else title,
        published_at=START,
        backfill=backfill,
        severity=severity,
        rules=met("tariffs", severity=severity) if rules is None else rules,
        snippet=Snippet(text=body[:240], marks=((4, 10),)),
        signature=signature(body),
        entities=tuple(f"Q{topic * 7 + n}" for n in range(8)),
        terms=tuple(body.split()[:16]),
        policy=Policy(cooldown=cooldown),
    )


def withdrawn(article: str = "a1", *, at: float = 0.0) -> Withdrawn:
    return Withdrawn(article_id=article, seen_at=START + timedelta(seconds=at), title="Withdrawn headline")


def tick(at: float) -> Tick:
    return Tick(seen_at=START + timedelta(seconds=at))


def made_up_log(
    count: int, *, desks: Sequence[str], seed: int, pace: float = 2.0, topics: int = 400
) -> Iterator[Hit | Withdrawn]:
    """A log with all that happens: copies, revisions, further rules, repeats, withdrawals, old news."""
    dice = random.Random(seed)
    told: list[Hit] = []
    for number in range(count):
        at, chance = number * pace, dice.random()
        if told and chance < 0.04:
            yield withdrawn(dice.choice(told).article_id, at=at)
        elif told and chance < 0.10:
            yield dice.choice(told[-20:])
        else:
            again = dice.choice(told) if told and chance < 0.2 else None
            made = _made_up(dice, number, at, desks=desks, topics=topics, again=again)
            told = [*told[-400:], made]
            yield made


def _made_up(
    dice: random.Random, number: int, at: float, *, desks: Sequence[str], topics: int, again: Hit | None
) -> Hit:
    topic = dice.randrange(topics)
    severity = dice.choices(("info", "urgent", "flash"), (80, 15, 5))[0]
    rules = dice.sample(("tariffs", "controls", "soybeans", "chips"), dice.choices((1, 2, 3), (80, 15, 5))[0])
    return hit(
        again.article_id if again else digest("article", str(number)),
        desk=again.desk if again else dice.choice(desks),
        at=at,
        topic=topic,
        revision=f"r{number}",
        rules=met(*rules, severity=severity),
        severity=severity,
        source=f"source-{dice.randrange(12)}",
        backfill=dice.random() < 0.05,
        cooldown=dice.choice((60.0, 600.0, 6 * HOUR)),
    )
