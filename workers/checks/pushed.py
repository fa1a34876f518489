"""The watchlists on the topic: are they whole, and no other's in the files?"""

from collections.abc import AsyncIterator

from aiokafka.errors import KafkaError

from alerts.pushed import State
from alerts.watchlist import WatchlistError
from topics.errors import ConfigError
from workers.checks.finding import Finding, fine, warning, wrong
from workers.checks.local import Files
from workers.commands.pushing import states
from workers.commands.running import CommandFailed
from workers.settings import Settings

_NAME = "watchlists"


async def check(settings: Settings, files: Files) -> AsyncIterator[Finding]:
    """What enrich will find there. Raises nothing; topics and rights have checks of their own."""
    topic = settings.topic("watchlists")
    if not settings.enrich.watchlists_topic:
        return
    try:
        found = await states(settings)
    except (ConfigError, CommandFailed, KafkaError, TimeoutError, OSError) as error:
        yield warning(_NAME, f"not known: {str(error) or type(error).__name__}", subject=topic)
        return
    for state in found:
        if state.watchlist is None:
            yield _not_whole(state)
    for finding in _in_both(settings, found, files):
        yield finding
    whole = [state.watchlist for state in found if state.watchlist is not None]
    if whole:
        rules = sum(len(watchlist.rules) for watchlist in whole)
        desks = ", ".join(sorted({watchlist.desk for watchlist in whole}))
        yield fine(_NAME, f"{len(whole)} on the topic, {rules} rules, for the desks {desks}", subject=topic)
    if not (whole or settings.watchlists):
        yield warning(_NAME, "none at all: no rule can be met", remedy="wirewatch watchlists push FILE")


def _not_whole(state: State) -> Finding:
    said = "; ".join(map(str, state.problems[:3]))
    remedy = f"wirewatch watchlists push FILE, or: wirewatch watchlists remove {state.id}"
    return wrong(_NAME, f"{state.fault}, and no worker that starts takes it: {said}", subject=state.id, remedy=remedy)


def _in_both(settings: Settings, found: list[State], files: Files) -> list[Finding]:
    """Ids that a file has, too: no worker starts with those."""
    if not settings.watchlists_named or isinstance(files, WatchlistError):  # what is wrong with them is said elsewhere
        return []
    paths = {watchlist.id: path for path, watchlist in files.items()}
    topic = settings.topic("watchlists")
    return [
        wrong(
            _NAME,
            f"in {paths[state.id]} and at {topic}/0/{state.offset}: no worker starts with both",
            subject=state.id,
            remedy=f"take it out of the file, or: wirewatch watchlists remove {state.id}",
        )
        for state in found
        if state.id in paths
    ]
