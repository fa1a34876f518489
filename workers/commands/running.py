"""How a command runs that talks to Kafka: quietly, and with a message in the end when Kafka is away."""

import asyncio
import logging
import os
import select
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import typer

from topics.errors import ConfigError

INTERRUPTED = 130
_POLL = 0.3
T = TypeVar("T")


class CommandFailed(Exception):
    """The command cannot do what it was asked for; nothing is wrong with how it was asked. Exit code 1."""


class _Heard(logging.Handler):
    """Keeps what the Kafka client complained of last: its errors do not say why it cannot connect."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage().rstrip(" :")


def run(work: Coroutine[Any, Any, T], *, limit: float | None = None) -> T:
    """Run to the end, within `limit` seconds, with no logs on the terminal.

    Raises CommandFailed when Kafka does not answer or refuses; ends the process, silently, on Ctrl-C or when nobody
    reads its output any more.
    """
    from aiokafka.errors import KafkaError

    heard = _Heard(logging.WARNING)
    logging.getLogger().handlers[:] = [heard]
    try:
        return asyncio.run(_limited(work, limit))
    except KafkaError as error:
        raise CommandFailed(_said(error, heard.last)) from None
    except TimeoutError:
        raise CommandFailed(f"Kafka does not answer in time{f': {heard.last}' if heard.last else ''}") from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered has nowhere to go
        raise typer.Exit from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


async def _limited(work: Coroutine[Any, Any, T], limit: float | None) -> T:
    """Raises TimeoutError, and BrokenPipeError when whoever read our output is gone: no write may ever tell."""
    working, unread = asyncio.create_task(work), asyncio.create_task(_unread())
    try:
        async with asyncio.timeout(limit):
            await asyncio.wait((working, unread), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise BrokenPipeError
    finally:
        for task in (working, unread):
            task.cancel()
        await asyncio.gather(working, unread, return_exceptions=True)


async def _unread() -> None:
    """Returns once nobody reads our standard output any more; never where that is no pipe."""
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)  # errors are told unasked
    while not any(event & select.POLLERR for _, event in output.poll(0)):  # noqa: ASYNC110 - no event is made of it
        await asyncio.sleep(_POLL)


def not_started(message: str) -> Exception:
    """What to raise where a pool could not start: its processes name the error when it is the configuration's."""
    name, _, rest = message.partition(": ")
    return ConfigError(rest) if name == ConfigError.__name__ else CommandFailed(message)


def _said(error: Exception, heard: str) -> str:
    from workers.stream.diagnose import REFUSALS, Unreachable, explain

    if isinstance(error, Unreachable):
        return f"Kafka cannot be reached: {error}"
    if isinstance(error, tuple(REFUSALS)):
        return f"Kafka: {explain(error)}"
    if type(error).__name__ == "KafkaConnectionError":
        return f"Kafka cannot be reached: {heard or error}"
    return f"Kafka: {error}{f' ({heard})' if heard else ''}"
