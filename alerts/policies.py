"""Whether a hit alerts its desk. Each policy looks at one `Situation` and speaks or passes; the first to speak decides.

To add one: the function, and its place in `POLICIES`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from topics.identity import digest
from topics.records import Hit, RuleMet, severity_rank
from topics.stories import Story, Telling


@dataclass(frozen=True, slots=True)
class Situation:
    """A hit before the desk's memory. `story` is what it belongs to, None for a new one; `telling` the same article
    in an earlier revision; `now` the desk's clock; `late` why it comes too late to ring (`alerts.digests.too_late`)."""

    hit: Hit
    now: datetime
    story: Story | None = None
    telling: Telling | None = None
    late: str | None = None


class Verdict(NamedTuple):
    """The kind of alert, or why there is none."""

    kind: str | None = None
    reason: str | None = None


Policy = Callable[[Situation], Verdict | None]


def old_news(s: Situation) -> Verdict | None:
    """What is too old to ring anybody is only counted, or told in a digest."""
    reason = "backfill" if s.hit.backfill else s.late
    return Verdict(reason=reason) if reason else None


def correction(s: Situation) -> Verdict | None:
    """An article that the desk was alerted on comes in another revision: `corrected` if its rules or severity changed.

    One that was withdrawn and comes again is a correction too.
    """
    if s.telling is None or s.telling.alerted is None:
        return None
    same = s.telling.rules == rules_digest(s.hit.rules) and s.telling.severity == s.hit.severity
    return Verdict(reason="repeat") if same and s.telling.withdrawn_at is None else Verdict(kind="corrected")


def first(s: Situation) -> Verdict | None:
    """A story that the desk was never alerted on."""
    return Verdict(kind="hit") if s.story is None or not s.story.alerts else None


def escalation(s: Situation) -> Verdict | None:
    """A further rule or a higher severity than the desk was alerted on, cooldown or not."""
    assert s.story is not None
    known = {(rule.watchlist, rule.rule) for rule in s.story.rules}
    # A story whose list of rules is full would escalate for ever.
    further = len(known) < MAX_RULES and any((rule.watchlist, rule.rule) not in known for rule in s.hit.rules)
    higher = severity_rank(s.hit.severity) > severity_rank(s.story.severity or "")
    return Verdict(kind="escalated") if further or higher else None


def revision(s: Situation) -> Verdict | None:
    """Another revision of an article that was only counted is no further article."""
    return Verdict(reason="repeat") if s.telling is not None else None


def cooldown(s: Situation) -> Verdict | None:
    """A further article of a story: folded while the story's last alert is younger than the cooldown."""
    assert s.story is not None
    over = s.story.alerted_at is None or s.now >= s.story.alerted_at + timedelta(seconds=s.hit.policy.cooldown)
    return Verdict(kind="corroborated") if over else Verdict(reason="cooldown")


def judge(situation: Situation, policies: Sequence[Policy] | None = None) -> Verdict:
    """What the first of the policies that does not pass says. With all passing, the hit is folded."""
    for policy in POLICIES if policies is None else policies:
        verdict = policy(situation)
        if verdict is not None:
            return verdict
    return Verdict(reason="repeat")


def rules_digest(rules: Iterable[RuleMet]) -> str:
    """Which rules, whatever their order, evidence and version."""
    return digest("rules", *sorted(f"{rule.watchlist}/{rule.rule}/{rule.severity}" for rule in rules))


MAX_RULES = 64
"""Rules that a story remembers having alerted on."""
POLICIES: tuple[Policy, ...] = (old_news, correction, first, escalation, revision, cooldown)
"""In the order in which they are asked."""
