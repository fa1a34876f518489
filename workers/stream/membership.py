"""Static membership (`group_instance_id`), and what is done where two processes have the same id.

The brokers give an id to whoever joined with it last. aiokafka joins again when its membership is gone, and so takes
the id back: two processes would take it from each other every few seconds, for ever, and both would call themselves
ready. So whoever has lost its id to another one waits until nobody has it.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaError

from workers.stream import authorized
from workers.stream.authorized import Member

AGAIN = 2.0
"""Seconds between two looks at who has the id."""
_NOBODY = ""
"""aiokafka's member id before it has joined, and once its membership is gone."""

log = structlog.get_logger()


class Membership:
    """The membership of one group; it outlives the group's consumers. Without an id it changes nothing.

    `remember` is told each member id that the brokers gave us. `former` is the one that this worker had in its last
    life, under its supervisor: a dead process must not take the id back from a living one either. `taken_from_us` is
    told when another process takes the id (True), and when we have it again (False).
    """

    def __init__(
        self,
        *,
        former: str | None = None,
        remember: Callable[[str], None] = lambda member: None,
        taken_from_us: Callable[[bool], None] = lambda taken: None,
    ) -> None:
        self._ours = {former} if former else set()
        self._remember = remember
        self._told = taken_from_us
        self.taken: str | None = None
        """Who has our id, for people; None where nobody else does."""

    def guard(self, consumer: Any) -> Any:
        """A consumer that was just made, which from now on joins only where nobody else alive has its id."""
        start = consumer.start

        async def guarded() -> None:
            await start()
            coordinator = consumer._coordinator  # made by `start`, and joins once it is subscribed
            if getattr(coordinator, "_group_instance_id", None):
                coordinator.__class__ = _Coordinator
                coordinator.membership = self

        consumer.start = guarded
        return consumer

    def had(self, member: str) -> None:
        """The brokers know, or knew, us by this member id."""
        if member != _NOBODY and member not in self._ours:
            self._ours.add(member)
            self._remember(member)

    def another(self, holder: Member | None) -> bool:
        """Whether the id is another's, given who has it. Before our first membership it is ours to take."""
        return holder is not None and bool(self._ours) and holder.member not in self._ours

    def lost(self, coordinator: GroupCoordinator, holder: Member) -> None:
        """The id is `holder`'s: said once, and for as long as it lasts in `taken`."""
        if self.taken is None:
            self._told(True)
            log.error(
                "another process has this one's group_instance_id: waiting until it is gone",
                group=coordinator.group_id,
                group_instance_id=coordinator._group_instance_id,
                holder=str(holder),
            )
        self.taken = (
            f"another process ({holder}) has joined group {coordinator.group_id} with the same "
            f"group_instance_id, {coordinator._group_instance_id}: waiting until it is gone; "
            "give each process an id of its own"
        )

    def free(self, coordinator: GroupCoordinator) -> None:
        """We are a member by that id (again)."""
        if self.taken is not None:
            self.taken = None
            self._told(False)
            log.info("the group_instance_id is free again: joining", group=coordinator.group_id)


class _Coordinator(GroupCoordinator):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's, which asks who has the id before it takes it back: see `Membership`."""

    membership: Membership

    def reset_generation(self) -> None:
        self.membership.had(self.member_id)
        super().reset_generation()

    async def _do_rejoin_group(self, subscription: Any) -> bool:
        while self.member_id == _NOBODY and (holder := await self._other_holder()) is not None:
            self.membership.lost(self, holder)
            await asyncio.wait((self._closing, subscription.unsubscribe_future), timeout=AGAIN)
            if self._closing.done() or not subscription.active:
                return False
        joined: bool = await super()._do_rejoin_group(subscription)
        self.membership.had(self.member_id)
        if joined:
            self.membership.free(self)
        return joined

    async def _other_holder(self) -> Member | None:
        """Who else has the id; None where nobody has, or the brokers cannot say."""
        try:
            await self.ensure_coordinator_known()
            members = await authorized.members(self._send_req, self.group_id)
        except KafkaError as error:
            log.warning("cannot see who has the group_instance_id", group=self.group_id, error=repr(error))
            await self.ensure_coordinator_known()  # a request that failed has made aiokafka forget it
            return None
        holder = next((member for member in members if member.instance == self._group_instance_id), None)
        return holder if self.membership.another(holder) else None
