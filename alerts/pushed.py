"""Watchlists on a topic: a watchlist as records, and records, as they come, as watchlists.

No Kafka here: whoever reads hands over offset, time, key and value of each record in the log's order.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from alerts.document import Listing, Mapping, Problem, Scalar, Unreadable, node_of
from alerts.watchlist import Rule, Watchlist, WatchlistError, converted
from topics.codec import encode
from topics.errors import InvalidRecord
from topics.watchlists import (
    MANIFEST,
    SCHEMA,
    Key,
    WatchlistManifest,
    WatchlistRule,
    decode_manifest,
    decode_rule,
    hash_of,
    manifest_key,
    parse_key,
    rule_key,
)

ABANDONED_AFTER = 24 * 3600.0
"""Seconds after which rules without a manifest are those of a push that ended half way, and not of one under way."""
INCOMPLETE, CORRUPT = "incomplete", "corrupt"

Entry = tuple[bytes, bytes]
"""A record's key and value."""


class Push(NamedTuple):
    """What a push writes: every rule, then the manifest."""

    rules: tuple[Entry, ...]
    manifest: Entry


class State(NamedTuple):
    """What the topic says of one id. `offset` is that of the manifest's record.

    `watchlist` is None where there is a `fault`: INCOMPLETE (rules are missing) or CORRUPT, with its problems.
    `manifest` is None where not even that can be read.
    """

    id: str
    offset: int
    manifest: WatchlistManifest | None
    watchlist: Watchlist | None
    fault: str | None = None
    problems: tuple[Problem, ...] = ()


class _Kept(NamedTuple):
    offset: int
    timestamp: int
    value: bytes


class _Manifest(NamedTuple):
    offset: int
    read: WatchlistManifest | InvalidRecord

    @property
    def push(self) -> str | None:
        return self.read.push if isinstance(self.read, WatchlistManifest) else None


class PushedLog:
    """The records of the topic so far. `place` names the partition in what is said of them: TOPIC/PARTITION.

    `changed` are the ids whose state may be another since it was cleared, which is the reader's to do.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self.changed: set[str] = set()
        self.removed: set[str] = set()
        self._manifests: dict[str, _Manifest] = {}
        self._rules: dict[str, dict[str, dict[str, _Kept]]] = {}
        self._superseded: dict[str, set[str]] = {}
        # What was right in a watchlist's last version: of ten thousand rules, an edit changes a few.
        self._known: dict[str, dict[bytes, Rule]] = {}

    @property
    def ids(self) -> tuple[str, ...]:
        """The watchlists that there are, whole or not, in order."""
        return tuple(sorted(self._manifests))

    def take(self, offset: int, timestamp: int, key: bytes | None, value: bytes | None) -> None:
        """Takes in one record, whatever it is. `timestamp` is in milliseconds."""
        parsed = parse_key(key)
        if parsed is None:
            return
        if parsed.kind == MANIFEST:
            self._take_manifest(parsed.id, offset, value)
        else:
            self._take_rule(parsed, None if value is None else _Kept(offset, timestamp, value))

    def _take_manifest(self, id: str, offset: int, value: bytes | None) -> None:
        before = self._manifests.pop(id, None)
        if before is not None and before.push:
            self._superseded.setdefault(id, set()).add(before.push)
        if value is not None:
            self._manifests[id] = _Manifest(offset, _read(value))
        (self.removed.add if value is None else self.removed.discard)(id)
        self.changed.add(id)

    def _take_rule(self, key: Key, kept: _Kept | None) -> None:
        rules = self._rules.setdefault(key.id, {}).setdefault(key.push, {})
        if kept is not None:
            rules[key.rule] = kept
        else:
            rules.pop(key.rule, None)
        if not rules:
            del self._rules[key.id][key.push]
            self._superseded.get(key.id, set()).discard(key.push)
        manifest = self._manifests.get(key.id)
        if manifest is not None and manifest.push == key.push:
            self.changed.add(key.id)

    def state(self, id: str) -> State | None:
        """What there is of a watchlist; None where it has no manifest."""
        latest = self._manifests.get(id)
        if latest is None:
            return None
        offset, manifest = latest
        if isinstance(manifest, InvalidRecord):
            problem = self._problem(offset, "manifest", "one that can be read", manifest.message)
            return State(id, offset, None, None, CORRUPT, (problem,))
        found = self._rules.get(id, {}).get(manifest.push, {})
        if len(found) != manifest.rules:
            wanted = f"{manifest.rules} of the push {manifest.push}"
            problem = self._problem(offset, "rules", wanted, str(len(found)))
            return State(id, offset, manifest, None, INCOMPLETE, (problem,))
        try:
            return State(id, offset, manifest, self._watchlist(id, offset, manifest, found))
        except WatchlistError as error:
            return State(id, offset, manifest, None, CORRUPT, error.problems)

    def _watchlist(self, id: str, offset: int, manifest: WatchlistManifest, found: dict[str, _Kept]) -> Watchlist:
        """Raises WatchlistError for all that is not as a push writes it, or as a file may have it."""
        if manifest.id != id:
            raise WatchlistError([self._problem(offset, "id", f"“{id}”, as in the key", f"“{manifest.id}”")])
        read = sorted(((self._rule(id, rule, manifest, kept), kept) for rule, kept in found.items()), key=_by_index)
        if hash_of(kept.value for _, kept in read) != manifest.hash:
            raise WatchlistError([self._problem(offset, "hash", "that of the rules' records", "another")])
        texts = [msgspec.json.encode(rule.rule) for rule, _ in read]
        known = self._known.get(id, {})
        new = [pair for pair, text in zip(read, texts, strict=True) if text not in known] or read[:1]
        try:
            made = self._converted(offset, manifest, new)
        except WatchlistError:
            made = self._converted(offset, manifest, read)  # says which rule it is of all
        rules = known | {msgspec.json.encode(pair[0].rule): rule for pair, rule in zip(new, made.rules, strict=True)}
        self._known[id] = {text: rules[text] for text in texts}
        return Watchlist(id=id, desk=made.desk, policy=made.policy, rules=tuple(rules[text] for text in texts))

    def _converted(
        self, offset: int, manifest: WatchlistManifest, rules: list[tuple[WatchlistRule, _Kept]]
    ) -> Watchlist:
        """The watchlist with these of its rules, held to what a file is. Raises WatchlistError."""
        fields: dict[str, Any] = {"id": manifest.id, "desk": manifest.desk}
        fields["policy"] = msgspec.to_builtins(manifest.policy)
        try:
            items = [(Scalar(name, "str", offset), node_of(value, line=offset)) for name, value in fields.items()]
            listed = Listing([node_of(rule.rule, line=kept.offset) for rule, kept in rules], offset)
        except Unreadable as error:
            raise WatchlistError([self._problem(error.line, "rule", error.expected, error.found)]) from None
        return converted(Mapping([*items, (Scalar("rules", "str", offset), listed)], offset), self.place)

    def _rule(self, id: str, rule: str, manifest: WatchlistManifest, kept: _Kept) -> WatchlistRule:
        try:
            read = decode_rule(kept.value)
        except InvalidRecord as error:
            problem = self._problem(kept.offset, f"rule {rule}", "one that can be read", error.message)
            raise WatchlistError([problem]) from None
        said = (read.watchlist, read.push, read.rule.get("id"))
        if said != (id, manifest.push, rule):
            problem = self._problem(kept.offset, f"rule {rule}", "what its key says", " ".join(map(str, said)))
            raise WatchlistError([problem])
        return read

    def stale(self, id: str, *, now: int) -> Iterator[bytes]:
        """Keys of rules that nobody needs any more: those of pushes whose manifest was replaced or removed, and of
        pushes that never had one and are long over by `now` (the time of a record just read, in milliseconds).

        Rules of a push that is still under way stay, and so do those of one that comes after whoever asks.
        """
        latest = self._manifests.get(id)
        for push, rules in self._rules.get(id, {}).items():
            if latest is not None and push == latest.push:
                continue
            newest = max(kept.timestamp for kept in rules.values())
            if push in self._superseded.get(id, ()) or newest < now - ABANDONED_AFTER * 1000:
                yield from (rule_key(id, rule, push) for rule in rules)

    def _problem(self, offset: int, field: str, expected: str, found: str) -> Problem:
        return Problem(file=self.place, line=offset, field=field, expected=expected, found=found)


def push_of(watchlist: Watchlist, *, push: str, at: datetime, by: str | None = None) -> Push:
    """The records that push this watchlist. `push` must be new each time, and hold no slash."""
    rules = tuple(
        (
            rule_key(watchlist.id, rule.id, push),
            encode(
                WatchlistRule(v=SCHEMA, watchlist=watchlist.id, push=push, index=index, rule=msgspec.to_builtins(rule))
            ),
        )
        for index, rule in enumerate(watchlist.rules)
    )
    manifest = WatchlistManifest(
        v=SCHEMA,
        id=watchlist.id,
        desk=watchlist.desk,
        policy=watchlist.policy,
        version=watchlist.version,
        rules=len(rules),
        hash=hash_of(value for _, value in rules),
        push=push,
        pushed_at=at,
        pushed_by=by,
    )
    return Push(rules, (manifest_key(watchlist.id), encode(manifest)))


def _read(value: bytes) -> WatchlistManifest | InvalidRecord:
    try:
        return decode_manifest(value)
    except InvalidRecord as error:
        return error


def _by_index(pair: tuple[WatchlistRule, _Kept]) -> int:
    return pair[0].index
