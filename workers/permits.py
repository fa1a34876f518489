"""Whether what a worker needs is there, and whether it may use it: the brokers say so before anything is begun.

An operation that is refused says little, and not always at once. So each session asks for all of it first, and again
now and then while it lasts: what is missing then is said in one sentence, with the remedy.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IncompatibleBrokerVersion,
    KafkaError,
    TopicAuthorizationFailedError,
)

from topics.errors import TransientError
from workers.rights import GROUP, TOPIC, Right, named, rights
from workers.settings import Settings
from workers.stream import authorized, inputs, kafka
from workers.stream.authorized import Allowed

AGAIN = 20.0
"""Seconds between two looks while all goes on."""
REFUSED = (TopicAuthorizationFailedError, GroupAuthorizationFailedError, ClusterAuthorizationFailedError)
"""What a client raises where an authorizer refuses it."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Standing:
    """`lacking` says what keeps the worker from working at all, None where nothing does.

    `left_out` are input topics that cannot be read for now, with the reason; the others can.
    """

    lacking: str | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)

    def require(self) -> None:
        """Raises TransientError where something is lacking."""
        if self.lacking is not None:
            raise TransientError(self.lacking)

    @property
    def partly(self) -> str | None:
        """Why not everything is read; None where it is."""
        return "; ".join(dict.fromkeys(self.left_out.values())) or None


async def look(settings: Settings, who: str, needed: Sequence[Right] = ()) -> Standing:
    """Ask the brokers. `needed` is by default all that `who` (of `rights.NEEDS`) needs.

    Raises KafkaError and TimeoutError where they do not answer.
    """
    needed = needed or rights(settings, who)
    async with asyncio.timeout(settings.kafka.request_timeout), kafka.admin(settings, worker=who) as admin:
        topics = named(needed, TOPIC)
        if any(right.open for right in needed):
            topics += inputs.present(settings, await admin.list_topics())
        found = await _topics(admin, topics)
        groups = await _groups(admin, named(needed, GROUP))
    return judge(settings, who, needed, found, groups)


async def _topics(admin: AIOKafkaAdminClient, names: Iterable[str]) -> Mapping[str, Allowed]:
    try:
        return await authorized.topics(admin, names)
    except IncompatibleBrokerVersion:  # before Kafka 2.3 brokers did not tell what is allowed
        there: Collection[str] = await admin.list_topics()
        return {name: Allowed(None if name in there else authorized.MISSING, None) for name in names}


async def _groups(admin: AIOKafkaAdminClient, names: Iterable[str]) -> Mapping[str, Allowed]:
    try:
        return await authorized.groups(admin, names)
    except KafkaError:  # no coordinator yet, or a broker that does not tell: joining will show
        return {}


def judge(
    settings: Settings,
    who: str,
    needed: Iterable[Right],
    topics: Mapping[str, Allowed],
    groups: Mapping[str, Allowed],
) -> Standing:
    """What the brokers' answers mean for `who`."""
    needed = list(needed)
    faults = dict(_faults(needed, topics, groups))
    # They come from files, too, and whoever reads them says so itself (`workers.watchlist_topic`).
    faults.pop((TOPIC, settings.topic("watchlists")), None)
    read = {(TOPIC, name) for name in inputs.present(settings, topics)}
    soft = {key: fault for key, fault in faults.items() if key in read}
    if read and read <= soft.keys() and not any(right.open for right in needed):
        soft.clear()
    hard = {key: fault for key, fault in faults.items() if key not in soft}
    return Standing(
        _said(who, hard) if hard else None, {key[1]: _said(who, {key: fault}) for key, fault in soft.items()}
    )


@dataclass(frozen=True, slots=True)
class _Fault:
    """`operations` of none: it is not there."""

    operations: tuple[str, ...] = ()
    hidden: bool = False


def _faults(
    needed: Sequence[Right], topics: Mapping[str, Allowed], groups: Mapping[str, Allowed]
) -> Iterator[tuple[tuple[str, str], _Fault]]:
    for name, found in topics.items():
        wanted = {operation for right in needed if right.covers(name) for operation in right.operations}
        if fault := _fault(found, wanted):
            yield (TOPIC, name), fault
    for name, found in groups.items():
        wanted = {op for right in needed if (right.kind, right.name) == (GROUP, name) for op in right.operations}
        if fault := _fault(found, wanted):
            yield (GROUP, name), fault


def _fault(found: Allowed, wanted: set[str]) -> _Fault | None:
    if found.missing:
        return _Fault()
    if found.hidden:
        return _Fault(tuple(sorted(wanted)), hidden=True)
    refused = found.refused(wanted)
    return _Fault(tuple(refused)) if refused else None


def _said(who: str, faults: Mapping[tuple[str, str], _Fault]) -> str:
    refused = {key: fault for key, fault in faults.items() if fault.operations}
    missing = [name for (_, name), fault in faults.items() if not fault.operations]
    parts = []
    if missing:
        made = "wirewatch topics create, or by an administrator: wirewatch topics create --print"
        parts.append(f"no topic {', '.join(missing)}, or none that we may see (ours are made by: {made})")
    if refused:
        rights = ", ".join(f"{'+'.join(fault.operations)} on {kind} {name}" for (kind, name), fault in refused.items())
        unseen = (
            " (which may not be there at all: we may not see it)" if any(f.hidden for f in refused.values()) else ""
        )
        remedy = f"an administrator can give what this prints: wirewatch topics list --acls --worker {who}"
        parts.append(f"not allowed: {rights}{unseen}; {remedy}")
    return "; ".join(parts)


@asynccontextmanager
async def explained(settings: Settings, who: str, needed: Sequence[Right] = ()) -> AsyncIterator[None]:
    """Around a session: where an authorizer ends it, the TransientError that comes out says all that is not allowed."""
    try:
        yield
    except KafkaError as error:
        if "AuthorizationFailed" in repr(error):  # some come wrapped in another's text
            with suppress(KafkaError, TimeoutError, OSError):
                (await look(settings, who, needed)).require()
        raise


async def watch(
    settings: Settings, who: str, standing: Standing, changed: Callable[[], None], needed: Sequence[Right] = ()
) -> None:
    """Look again every `AGAIN` seconds, and call `changed` once it is another standing. Then, or never, it returns."""
    while True:
        await asyncio.sleep(AGAIN)
        try:
            now = await look(settings, who, needed)
        except (KafkaError, TimeoutError, OSError):  # the session's own probe says so
            continue
        if now != standing:
            log.info("topics or rights have changed: beginning anew", lacking=now.lacking, left_out=now.partly)
            changed()
            return
