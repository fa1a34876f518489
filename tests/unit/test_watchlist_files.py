"""Watchlist files are followed: a save is taken within a second, a broken one is not."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from alerts.watchlist import Watchlist, WatchlistError, load_placed
from workers import watchlist_files
from workers.watchlist_files import WatchlistFiles

SOON = 5.0
"""The promise is a second; a busy machine is given more."""


def text(term: str, id: str = "w") -> str:
    return f"id: {id}\nrules:\n  - id: r\n    terms: [{term}]\n"


def watched(folder: Path, term: str) -> Path:
    """A file of a watchlist that looks for this."""
    file = folder / "w.yaml"
    file.write_text(text(term))
    return file


class Seen:
    """What the callbacks were told."""

    def __init__(self) -> None:
        self.changes: asyncio.Queue[tuple[Watchlist, ...]] = asyncio.Queue()
        self.errors: asyncio.Queue[str] = asyncio.Queue()

    async def terms(self) -> list[str]:
        changed = await asyncio.wait_for(self.changes.get(), SOON)
        return [
            term for watchlist in changed for rule in watchlist.rules for term in rule.terms if isinstance(term, str)
        ]

    async def error(self) -> str:
        return await asyncio.wait_for(self.errors.get(), SOON)


@contextlib.asynccontextmanager
async def following(*paths: Path) -> AsyncIterator[tuple[WatchlistFiles, Seen]]:
    seen, stop = Seen(), asyncio.Event()
    followed = WatchlistFiles(paths, on_change=seen.changes.put_nowait, on_error=seen.errors.put_nowait)
    followed.load()
    task = asyncio.create_task(followed.watch(stop))
    try:
        yield followed, seen
    finally:
        stop.set()
        await asyncio.wait_for(task, SOON)
    assert seen.changes.empty() and seen.errors.empty()


async def test_a_save_in_place_is_taken_soon(tmp_path: Path) -> None:
    file = watched(tmp_path, "Taiwan")
    async with following(file) as (followed, seen):
        saved = time.monotonic()
        file.write_text(text("Malaysia"))
        assert await seen.terms() == ["Malaysia"]
        assert time.monotonic() - saved < SOON
        assert [rule.terms for rule in followed.current[0].rules] == [("Malaysia",)]


async def test_a_file_that_is_replaced_is_followed_further(tmp_path: Path) -> None:
    file = watched(tmp_path, "one1")
    async with following(file) as (_, seen):
        for term in ("two2", "three3"):
            other = tmp_path / "w.yaml.tmp"
            other.write_text(text(term))
            other.replace(file)
            assert await seen.terms() == [term]


async def test_a_configmap_that_swaps_its_link_is_followed(tmp_path: Path) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    for number in (1, 2, 3):
        (mounted / f"..{number}").mkdir()
        (mounted / f"..{number}" / "w.yaml").write_text(text(f"term{number}"))
    (mounted / "..data").symlink_to("..1")
    (mounted / "w.yaml").symlink_to("..data/w.yaml")
    async with following(mounted) as (followed, seen):
        assert followed.current[0].rules[0].terms == ("term1",)
        for number in (2, 3):
            (mounted / "..data_tmp").symlink_to(f"..{number}")
            (mounted / "..data_tmp").replace(mounted / "..data")
            assert await seen.terms() == [f"term{number}"]


async def test_files_come_to_a_directory_and_go(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text("Taiwan", "a"))
    async with following(tmp_path) as (_, seen):
        (tmp_path / "b.yaml").write_text(text("Malaysia", "b"))
        assert await seen.terms() == ["Taiwan", "Malaysia"]
        (tmp_path / "a.yaml").unlink()
        assert await seen.terms() == ["Malaysia"]


async def test_a_broken_update_keeps_the_last_good_one_and_says_what_is_wrong_once(tmp_path: Path) -> None:
    file = watched(tmp_path, "Taiwan")
    with capture_logs() as logs:
        async with following(file) as (followed, seen):
            file.write_text("id: w\nrules:\n  - id: r\n    trems: [x]\n")
            assert f"{file}:4: rules[0].trems: expected “terms”" in await seen.error()
            assert followed.current[0].rules[0].terms == ("Taiwan",)
            file.write_text(text("Malaysia"))
            assert await seen.terms() == ["Malaysia"]
    refused = [log for log in logs if log["log_level"] == "warning"]
    assert [log["event"] for log in refused] == ["watchlists.refused"]
    assert any("rules[0].trems" in problem for problem in refused[0]["problems"])


async def test_a_broken_update_is_refused_until_it_is_mended_also_to_what_it_was(tmp_path: Path) -> None:
    file = watched(tmp_path, "Taiwan")
    async with following(file) as (followed, seen):
        assert not followed.refused
        file.write_text("id: w\nrules: [")
        await seen.error()
        assert followed.refused
        file.write_text(text("Taiwan"))
        async with asyncio.timeout(SOON):
            while followed.refused:  # noqa: ASYNC110 - nobody is told: what is in force does not change
                await asyncio.sleep(0.05)


async def test_watchlists_that_are_all_gone_are_a_broken_update(tmp_path: Path) -> None:
    file = watched(tmp_path, "Taiwan")
    async with following(tmp_path) as (followed, seen):
        file.unlink()
        assert "expected at least one watchlist" in await seen.error()
        assert len(followed.current) == 1


async def test_a_save_that_changes_no_rule_is_no_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, read = asyncio.get_running_loop(), asyncio.Event()

    def noticed(paths: Iterable[Path]) -> dict[Path, Watchlist]:
        watchlists = load_placed(paths)
        loop.call_soon_threadsafe(read.set)
        return watchlists

    file = watched(tmp_path, "Taiwan")
    async with following(file) as (_, seen):
        monkeypatch.setattr(watchlist_files, "load_placed", noticed)
        file.write_text("# a comment\n" + text("Taiwan"))
        await asyncio.wait_for(read.wait(), SOON)
        file.write_text(text("Malaysia"))
        assert await seen.terms() == ["Malaysia"]


async def test_what_was_saved_before_the_watch_began_is_taken(tmp_path: Path) -> None:
    file = watched(tmp_path, "Taiwan")
    seen, stop = Seen(), asyncio.Event()
    followed = WatchlistFiles([file], on_change=seen.changes.put_nowait)
    followed.load()
    file.write_text(text("Malaysia"))
    task = asyncio.create_task(followed.watch(stop))
    assert await seen.terms() == ["Malaysia"]
    stop.set()
    await asyncio.wait_for(task, SOON)


async def test_a_link_that_turns_in_a_circle_is_a_broken_update(tmp_path: Path) -> None:
    file = watched(tmp_path, "Taiwan")
    async with following(file) as (_, seen):
        (tmp_path / "circle").symlink_to("circle")
        (tmp_path / "circle").replace(file)
        assert "expected a file that can be read" in await seen.error()
        file.unlink()
        file.write_text(text("Malaysia"))
        assert await seen.terms() == ["Malaysia"]


async def test_without_notifications_files_are_polled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*paths: Path, **options: object) -> object:
        raise OSError("inotify watch limit reached")

    monkeypatch.setattr(watchlist_files, "awatch", none)
    file = watched(tmp_path, "Taiwan")
    async with following(file) as (_, seen):
        file.write_text(text("Malaysia"))
        assert await seen.terms() == ["Malaysia"]


async def test_a_directory_that_is_made_anew_is_followed_further(tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "w.yaml").write_text(text("Taiwan"))
    async with following(folder) as (_, seen):
        new = tmp_path / "new"
        new.mkdir()
        (new / "w.yaml").write_text(text("Malaysia"))
        os.rename(folder, tmp_path / "old")  # noqa: PTH104  # both moves as close together as they can be
        os.rename(new, folder)  # noqa: PTH104
        assert await seen.terms() == ["Malaysia"]
        (folder / "w.yaml").write_text(text("Taipei"))
        assert await seen.terms() == ["Taipei"]


def test_the_first_load_raises_with_every_problem(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text("id: w")
    for paths in ([tmp_path], [tmp_path / "none.yaml"], []):
        with pytest.raises(WatchlistError):
            WatchlistFiles(paths, on_change=lambda watchlists: None).load()
