"""What `wirewatch dlq` does: letters listed, shown and sent back."""

import json
import sys
from collections.abc import Iterable
from contextlib import AsyncExitStack

from workers import permits
from workers.commands.publishing import article_producer
from workers.commands.running import CommandFailed
from workers.commands.tracing import progress_bar
from workers.letters import show
from workers.letters.destinations import Stays
from workers.letters.letter import Letter, Place, Wanted
from workers.letters.reading import Letters, reading
from workers.letters.redriving import Done, Redrive
from workers.letters.to_sinks import Couriers
from workers.rights import TOPIC, Right
from workers.settings import Settings
from workers.stream import kafka


async def print_list(settings: Settings, wanted: Wanted, *, limit: int | None, as_json: bool) -> None:
    """Print the letters, `limit` of them at most."""
    number = 0
    async with reading(settings, wanted) as letters:
        await _find_marks(letters)
        async for letter in letters.read():
            redriven = letter in letters
            if as_json:
                print(_json(show.entry(letter, redriven=redriven)), flush=True)
            else:
                print(show.line(letter, redriven=redriven), flush=True)
            number += 1
            if number == limit:
                return


async def print_one(settings: Settings, place: Place, *, raw: bool, as_json: bool) -> None:
    """Print all of one letter; its value alone, as it is, with `raw`. Raises CommandFailed where there is none."""
    async with reading(settings, Wanted(places=frozenset((place,)))) as letters:
        await _find_marks(letters)
        async for letter in letters.read():
            mark = letters.marks.get(place)
            if raw:
                sys.stdout.buffer.write(letter.value or b"")
                sys.stdout.buffer.flush()
            elif as_json:
                print(_json(show.entry(letter, redriven=mark is not None, mark=mark)))
            else:
                print("\n".join(show.whole(letter, settings.topic("dead-letters"), mark)))
        _require(letters.missing)


async def redrive(settings: Settings, wanted: Wanted, *, again: bool, dry: bool, as_json: bool) -> Done:
    """Send them back, and say how many on standard error; `dry` and `as_json` say of each where it goes.

    Raises CommandFailed where a letter that was named is not there, and where no marker may be written.
    """
    if not dry:
        await _may_mark(settings)
    tell = _tell_json if as_json else _tell if dry else _tell_nobody
    async with AsyncExitStack() as stack:
        letters = await stack.enter_async_context(reading(settings, wanted))
        await _find_marks(letters)
        producer = None if dry else await stack.enter_async_context(kafka.running(article_producer(settings)))
        couriers = Couriers(settings, producer)
        stack.push_async_callback(couriers.close)
        work = Redrive(
            settings,
            letters,
            producer=producer,
            partitions=letters.partitions,
            couriers=couriers,
            again=again,
            dry=dry,
            tell=tell,
        )
        try:
            if tell is _tell_nobody:
                with progress_bar() as progress:
                    await work.run(progress)
            else:
                await work.run()
        finally:
            _print_summary(work.done, dry=dry)
        _require(letters.missing)
    return work.done


async def _find_marks(letters: Letters) -> None:
    with progress_bar() as progress:
        await letters.find_marks(progress)


async def _may_mark(settings: Settings) -> None:
    """What is redriven and cannot be marked would be redriven the next time, too."""
    right = Right(kind=TOPIC, name=settings.topic("dead-letters"), operations=("Write",))
    lacking = (await permits.look(settings, "redrive", [right])).lacking
    if lacking is not None:
        raise CommandFailed(lacking)


def _print_summary(done: Done, *, dry: bool) -> None:
    for line in show.summary(done, dry=dry):
        print(line, file=sys.stderr)


def _require(missing: Iterable[Place]) -> None:
    places = ", ".join(map(str, sorted(missing)))
    if places:
        raise CommandFailed(f"no dead letter at {places}: expected a place that `wirewatch dlq list` shows")


def _tell(letter: Letter, said: str | Stays) -> None:
    print(show.going(letter, said), flush=True)


def _tell_json(letter: Letter, said: str | Stays) -> None:
    print(_json(show.going_entry(letter, said)), flush=True)


def _tell_nobody(letter: Letter, said: str | Stays) -> None:
    pass


def _json(found: object) -> str:
    return json.dumps(found, ensure_ascii=False)
