"""What is committed, when it is not and when that is said."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, OffsetMetadataTooLargeError

from workers.stream import ahead
from workers.stream.commits import REFUSED_AFTER, Commits
from workers.stream.ledger import Ledger

OURS, THEIRS = TopicPartition("news.alerts", 0), TopicPartition("news.alerts", 1)


class Group:
    """A consumer to which one partition is assigned, and a clock. Commits fail while `error` is set."""

    def __init__(self) -> None:
        self.error: KafkaError | None = None
        self.commits: list[dict[TopicPartition, tuple[int, str]]] = []
        self.told: list[bool] = []
        self.time = 1000.0
        self.ledger: Ledger[TopicPartition] = Ledger()

    def assignment(self) -> set[TopicPartition]:
        return {OURS}

    async def commit(self, ends: Mapping[TopicPartition, tuple[int, str]]) -> None:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.commits.append(dict(ends))

    def commits_of(self, **options: Any) -> Commits:
        return Commits(self, self.ledger, interval=5.0, told=self.told.append, now=lambda: self.time, **options)

    def read(self, *, settled: list[int], fetched: int = 4, tp: TopicPartition = OURS) -> None:
        self.ledger.assign(tp, 0)
        for offset in range(fetched):
            self.ledger.track(tp, offset)
        for offset in settled:
            self.ledger.settle(tp, offset)


async def test_the_settled_prefix_is_committed_once_and_only_of_what_is_ours() -> None:
    group = Group()
    group.read(settled=[0, 1, 3])
    group.read(settled=[0], tp=THEIRS)
    commits = group.commits_of()
    await commits.settled()
    await commits.settled()
    assert group.commits == [{OURS: (2, "")}]
    assert group.told == [True]


async def test_what_could_not_be_committed_stays_due() -> None:
    group = Group()
    group.read(settled=[0])
    commits = group.commits_of()
    group.error = KafkaError("a rebalance")
    await commits.settled()
    group.error = None
    await commits.settled()
    assert group.commits == [{OURS: (1, "")}]
    assert group.told == [False, True]


async def test_commits_that_fail_for_longer_than_a_rebalance_are_said_until_one_is_done() -> None:
    group = Group()
    group.read(settled=[0])
    commits = group.commits_of()
    group.error = KafkaError("not allowed")
    await commits.settled()
    group.time += REFUSED_AFTER
    await commits.settled()
    assert commits.trouble is None
    group.time += 1
    assert commits.trouble == f"commits fail for {REFUSED_AFTER + 1:.0f} s: {group.error!r}"
    group.error = None
    await commits.settled()
    assert commits.trouble is None


async def test_what_is_settled_ahead_is_noted_again_only_when_it_has_changed() -> None:
    group = Group()
    group.read(settled=[0, 2])
    commits = group.commits_of(keep_ahead=True)
    await commits.settled()
    await commits.settled()
    group.ledger.settle(OURS, 3)
    await commits.settled()
    assert [ends[OURS][0] for ends in group.commits] == [1, 1]
    assert [ahead.decode(*ends[OURS]) for ends in group.commits] == [{2}, {2, 3}]


async def test_brokers_that_take_no_note_of_that_size_get_the_offsets_without() -> None:
    group = Group()
    group.read(settled=[0, 2])
    commits = group.commits_of(keep_ahead=True)
    group.error = OffsetMetadataTooLargeError()
    await commits.settled()
    group.error = None
    await commits.settled()
    assert group.commits == [{OURS: (1, "")}]


async def test_a_commit_is_due_again_after_the_interval_whether_it_was_done_or_not() -> None:
    group = Group()
    commits = group.commits_of()
    assert not commits.due
    group.time += 5.0
    assert commits.due
    await commits.settled()
    assert not commits.due
