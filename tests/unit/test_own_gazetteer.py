"""A gazetteer of the user's own: what it may hold, and an error for all else that says where and what."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from alerts import bundle
from alerts.gazetteer import Entry, GazetteerError
from topics.records import Mention
from workers.article.gazetteer import Gazetteer
from workers.article.own_gazetteer import TEMPLATE, check, load
from workers.followed_file import FollowedFile
from workers.gazetteer_watch import gazetteer_watch
from workers.metrics import Metrics

SOON = 10.0
KESTREL = "  - {id: 'acme:kestrel', name: Kestrel Lines, label: ORG, aliases: {en: [Kestrel], zh: [红隼航运]}}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gazetteer.yaml"


def written(path: Path, *names: str) -> Path:
    path.write_text("names:\n" + "".join(names), encoding="utf-8")
    return path


def mentions(entries: tuple[Entry, ...], text: str) -> list[Mention]:
    return Gazetteer.load(entries).mentions("text", text)


def said(path: Path, *names: str) -> list[str]:
    return [str(problem).removeprefix(f"{path}:") for problem in check(written(path, *names))]


def test_the_template_is_right_and_what_it_names_is_found(path: Path) -> None:
    path.write_text(TEMPLATE, encoding="utf-8")
    assert check(path) == ()
    found = mentions(load(path), "The Kestrel left Taiwan for TSMC Arizona. 红隼航运")
    assert [(m.text, m.name, m.entity_id) for m in found] == [
        ("Kestrel", "Kestrel Lines", "acme:kestrel"),
        ("Taiwan", "Taiwan (ROC)", "Q865"),
        ("TSMC Arizona", "TSMC", "Q713418"),
        ("红隼航运", "Kestrel Lines", "acme:kestrel"),
    ]


def test_an_entry_that_ships_keeps_its_forms_and_takes_more(path: Path) -> None:
    own = load(written(path, "  - {extends: Q713418, name: TSMC Ltd, aliases: [Fab Eighteen]}\n"))
    found = mentions(own, "TSMC, 台積電 and Fab Eighteen, not TSMC Ltd")
    assert {(m.name, m.entity_id) for m in found} == {("TSMC Ltd", "Q713418")}
    assert len(found) == 4
    assert len(Gazetteer.load(own)) == len(Gazetteer.load())


def test_a_name_needs_no_id(path: Path) -> None:
    own = load(written(path, "  - {name: Kestrel Lines, label: ORG}\n"))
    (only,) = mentions(own, "to Kestrel Lines.")
    assert (only.name, only.entity_id) == ("Kestrel Lines", None)


def test_care_is_for_forms_of_one_word(path: Path) -> None:
    name = "  - {name: Kestrel Lines, label: ORG, aliases: [Kestrel], care: part}\n"
    found = mentions(load(written(path, name)), "Anna Kestrel met Kestrel of Old Kestrel Lines")
    assert [(m.start, m.text) for m in found] == [(17, "Kestrel"), (32, "Kestrel Lines")]


def test_a_form_with_care_for_its_language_counts_there_only(path: Path) -> None:
    own = load(written(path, "  - {name: Kestrel Lines, label: ORG, aliases: {de: [Falke]}, care: language}\n"))
    gazetteer = Gazetteer.load(own)
    assert [m.text for m in gazetteer.mentions("text", "bei Falke", "de")] == ["Falke"]
    assert gazetteer.mentions("text", "by Falke", "en") == []


@pytest.mark.parametrize(
    ("names", "problems"),
    [
        (KESTREL + KESTREL.replace("K", "J").replace("红", "白"), ["3: names[1].id: expected an id once"]),
        ("  - {id: banana, name: Kestrel, label: ORG}\n", ["2: names[0].id: expected a Wikidata id, such as Q713418"]),
        ("  - {id: Q0, name: Kestrel, label: ORG}\n", ["2: names[0].id: expected a Wikidata id"]),
        ("  - {id: 17, name: Kestrel, label: ORG}\n", ['2: names[0].id: expected text (quote it: "17")']),
        (
            "  - {id: Q148, name: Kestrel, label: ORG}\n",
            ["2: names[0].id: expected an id of its own (or extends: Q148)"],
        ),
        ("  - {extends: Q999999999}\n", ["2: names[0].extends: expected the id of a name that ships"]),
        ("  - {extends: Q148, label: GPE}\n", ["2: names[0].label: expected one of name, aliases, care, extends"]),
        ("  - {name: Kestrel}\n", ["2: names[0].label: expected a value, found nothing"]),
        ("  - {name: Kestrel, label: FIRM}\n", ["2: names[0].label: expected one of EVENT, FAC, GPE"]),
        ("  - {name: Kestrel, label: ORG, care: much}\n", ["2: names[0].care: expected one of part, word"]),
        ("  - {name: Kestrel, label: ORG, colour: red}\n", ["2: names[0].colour: expected one of"]),
        ("  - {name: K, label: ORG}\n", ["2: names[0].name: expected a name of two characters or more"]),
        ("  - {name: '--', label: ORG}\n", ["2: names[0].name: expected a name of two characters or more"]),
        (
            "  - name: Kestrel\n    label: ORG\n    aliases:\n      xx: [Merlin]\n",
            ["5: names[0].aliases.xx: expected the code of a language"],
        ),
        (
            "  - name: Kestrel\n    label: ORG\n    aliases: [Merlin,\n      Apple]\n",
            ["5: names[0].aliases: expected a form of its own, found “Apple”, which Apple (Q312) has"],
        ),
        (
            "  - {name: Kestrel, label: ORG}\n  - {name: Merlin, label: ORG, aliases: {en: [Kestrel]}}\n",
            ["3: names[1].aliases: expected a form of its own, found “Kestrel”, which the name on line 2 has"],
        ),
        ("  - Kestrel\n", ["2: names[0]: expected a mapping with name and label, or with extends"]),
    ],
)
def test_what_is_wrong_is_said_with_its_line(path: Path, names: str, problems: list[str]) -> None:
    found = said(path, names)
    assert len(found) == len(problems), found
    assert all(one.startswith(start) for one, start in zip(found, problems, strict=True)), found
    with pytest.raises(GazetteerError):
        load(path)


def test_the_same_name_twice_on_one_line_is_still_twice(path: Path) -> None:
    path.write_text("names: [{id: 'a:b', name: Kestrel, label: ORG}, {id: 'a:b', name: Kestrel, label: ORG}]\n")
    assert [problem.field for problem in check(path)] == ["names[1].id"]


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"names: 3", b"[]", b"names: {a: b}", b"a: &a [*a]", b"names: [", b"\0"]
)
def test_what_is_no_list_of_names_is_an_error_of_one_line(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert len(check(path)) >= 1
    assert check(path.with_name("none.yaml"))[0].expected == "a file that can be read"


@given(st.binary(max_size=200))
def test_no_bytes_raise(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(b"names:\n" + data)
    check(path)


def test_sixty_thousand_conflicts_take_bounded_time(path: Path) -> None:
    aliases = ", ".join(f"alias {number}" for number in range(60_000))
    names = [f"  - {{name: Line {which}, label: ORG, aliases: [{aliases}]}}\n" for which in ("A", "B")]
    started = time.perf_counter()
    assert len(check(written(path, *names))) == 60_000
    assert time.perf_counter() - started < 20


def test_processes_get_the_names_with_the_watchlists(path: Path) -> None:
    own = load(written(path, KESTREL))
    held = bundle.decode(bundle.encode((), None, own))
    assert [(e.id, e.name, e.forms) for e in held.names] == [(e.id, e.name, e.forms) for e in own]
    assert bundle.revision((), None, own) != bundle.revision(())
    assert bundle.revision((), None, own) == bundle.revision((), None, held.names)


@contextlib.asynccontextmanager
async def following(watch: FollowedFile[Any]):  # type: ignore[no-untyped-def]
    watch.load()
    task = asyncio.create_task(watch.follow())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_save_is_followed_and_a_bad_one_keeps_the_last_good_one(path: Path) -> None:
    metrics, changes = Metrics(CollectorRegistry()), asyncio.Queue[None]()
    watch = gazetteer_watch(written(path, KESTREL), metrics=metrics, on_change=lambda: changes.put_nowait(None))
    async with following(watch):
        good = watch.current
        _save(path, "  - {name: Kestrel}\n")
        async with asyncio.timeout(SOON):
            while _reloads(metrics, "failed") != 1:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert watch.current is good
        _save(path, KESTREL, "  - {name: Merlin Lines, label: ORG}\n")
        await asyncio.wait_for(changes.get(), SOON)
        assert [entry.name for entry in watch.current] == ["Kestrel Lines", "Merlin Lines"]


def _save(path: Path, *names: str) -> None:
    draft = path.with_suffix(".new")
    os.replace(written(draft, *names), path)  # noqa: PTH105


def _reloads(metrics: Metrics, result: str) -> float | None:
    return metrics.registry.get_sample_value("wirewatch_gazetteer_reloads_total", {"result": result})


def test_the_command_starts_a_file_and_says_what_is_wrong_with_one(path: Path) -> None:
    assert _wirewatch("gazetteer", "init", str(path)).returncode == 0
    assert "is there already" in _wirewatch("gazetteer", "init", str(path)).stderr
    assert _wirewatch("gazetteer", "check", str(path)).stdout == f"{path}: fine, 3 names\n"
    written(path, "  - {id: banana, name: Kestrel, label: ORG}\n")
    wrong = _wirewatch("gazetteer", "check", str(path))
    assert (wrong.returncode, wrong.stdout.splitlines()[-1]) == (1, f"{path}: 1 errors")
    assert wrong.stdout.startswith(f"{path}:2: names[0].id: expected a Wikidata id")


def test_annotate_uses_the_file_and_a_bad_one_is_an_error_of_the_settings(path: Path) -> None:
    written(path, KESTREL)
    command = ["annotate", "-", "--text", "--model", "none", "--gazetteer", str(path)]
    done = _wirewatch(*command, data="A ship of 红隼航运 left for Taiwan, as Kestrel said.")
    ids = {mention["text"]: mention.get("entity_id") for mention in json.loads(done.stdout)["entities"]}
    assert ids == {"红隼航运": "acme:kestrel", "Taiwan": "Q865", "Kestrel": "acme:kestrel"}
    written(path, KESTREL, KESTREL)
    done = _wirewatch(*command, data="Kestrel")
    assert done.returncode == 78
    assert f"{path}:3: names[1].id: expected an id once" in done.stderr
    assert "Traceback" not in done.stderr


def _wirewatch(*arguments: str, data: str = "") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "workers.cli", *arguments]
    return subprocess.run(command, input=data, capture_output=True, text=True, check=False)
