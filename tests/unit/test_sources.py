"""The list of sources: what it may say, whose article is whose, when a source publishes, what is furniture."""

import json
import subprocess
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.sources import (
    TEMPLATE,
    Active,
    Source,
    Sources,
    SourcesError,
    check,
    host_of,
    load,
    without_boilerplate,
)
from tests.demo_process import COMMAND

LISTED = Sources(
    (
        Source(
            id="wire", name="The Wire", hosts=("wire.example", "sport.daily.example"), aliases=("TW", "The  Wire UK")
        ),
        Source(id="daily", hosts=("daily.example",), owner="group"),
    )
)


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "sources.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _said(tmp_path: Path, text: str) -> list[str]:
    path = _file(tmp_path, text)
    return [str(problem).removeprefix(f"{path}:") for problem in check(path)]


def test_a_list_is_read_with_all_that_it_may_say(tmp_path: Path) -> None:
    text = """\
sources:
  - id: wire
    name: The Wire
    hosts: [WWW.Wire.Example, bücher.example]
    aliases: [TW]
    owner: group
    expect_every: 15m
    active: {days: "mon-wed, sat", hours: 06:00-22:30, timezone: Europe/London}
    boilerplate: ['(?i)^our standards']
  - id: daily
    expect_every: 900
    active: {days: [fri-mon]}
"""
    wire, daily = load(_file(tmp_path, text)).listed
    assert wire == Source(
        id="wire",
        name="The Wire",
        hosts=("wire.example", "xn--bcher-kva.example"),
        aliases=("TW",),
        owner="group",
        expect_every=900.0,
        active=Active(days=(0, 1, 2, 5), start=360, end=1350, timezone="Europe/London"),
        boilerplate=("(?i)^our standards",),
    )
    assert (daily.expect_every, daily.active) == (900.0, Active(days=(0, 4, 5, 6)))


def test_the_template_is_right(tmp_path: Path) -> None:
    assert [source.id for source in load(_file(tmp_path, TEMPLATE)).listed] == ["example-wire", "example-daily"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("  - {id: a, host: [x.example]}", "2: sources[0].host: expected “hosts”, found an unknown field"),
        ("  - hosts: [x.example]", "2: sources[0].id: expected a value, found nothing"),
        ("  - {id: a, hosts: ['https://x.example/news']}", "2: sources[0].hosts[0]: expected a host, such as"),
        ("  - {id: a, hosts: ['*.x.example']}", "2: sources[0].hosts[0]: expected a host, such as"),
        ("  - {id: a, expect_every: soon}", "2: sources[0].expect_every: expected a time from 1s to 30d"),
        ("  - {id: a, expect_every: 0}", "2: sources[0].expect_every: expected a time from 1s to 30d"),
        ("  - {id: a, expect_every: 31d}", "2: sources[0].expect_every: expected a time from 1s to 30d"),
        ("  - {id: a, active: {days: weekdays}}", "2: sources[0].active.days: expected days such as mon-fri"),
        ("  - {id: a, active: {days: []}}", "2: sources[0].active.days: expected days such as mon-fri"),
        ("  - {id: a, active: {hours: 9-17}}", "2: sources[0].active.hours: expected hours from 00:00 to 24:00"),
        ("  - {id: a, active: {hours: '09:00-09:00'}}", "2: sources[0].active.hours: expected hours from 00:00"),
        ("  - {id: a, active: {hours: '09:00-25:00'}}", "2: sources[0].active.hours: expected hours from 00:00"),
        ("  - {id: a, active: {timezone: Mars/Olympus}}", "2: sources[0].active.timezone: expected a time zone's"),
        ("  - {id: a, active: {timezone: ../../etc/passwd}}", "2: sources[0].active.timezone: expected a time zone"),
        ("  - {id: a, boilerplate: ['(unclosed']}", "2: sources[0].boilerplate[0]: expected a regular expression in"),
        ("  - {id: a, boilerplate: ['(?=ahead)']}", "2: sources[0].boilerplate[0]: expected a regular expression in"),
        ("  - {id: a, boilerplate: ['x*']}", "2: sources[0].boilerplate[0]: expected a pattern that does not match"),
        ("  - {id: a, boilerplate: ['(\\w{900}){900}']}", "2: sources[0].boilerplate[0]: expected a regular"),
        ("  - {id: a, aliases: [on]}", "2: sources[0].aliases[0]: expected text (quote it"),
        ("  - plain", "2: sources[0]: expected a mapping with id, and hosts or aliases"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_field(tmp_path: Path, lines: str, said: str) -> None:
    (problem,) = _said(tmp_path, f"sources:\n{lines}\n")
    assert problem.startswith(said), problem


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("id: wire", "sources[1].id: expected a name of its own, found “wire”, which the source on line 2 has"),
        ("id: WIRE", "sources[1].id: expected a name of its own"),
        ("{id: b, aliases: ['the  wire']}", "sources[1].aliases: expected a name of its own"),
        ("{id: b, name: TW}", "sources[1].name: expected a name of its own"),
        ("{id: b, hosts: [b.example, www.wire.example]}", "sources[1].hosts: expected a host of its own"),
    ],
)
def test_no_name_and_no_host_leads_to_two_sources(tmp_path: Path, second: str, said: str) -> None:
    first = "  - {id: wire, name: The Wire, aliases: [TW, wire], hosts: [wire.example]}"
    (problem,) = _said(tmp_path, f"sources:\n{first}\n  - {second}\n")
    assert problem.startswith(f"3: {said}"), problem


def test_all_problems_are_raised_together(tmp_path: Path) -> None:
    with pytest.raises(SourcesError) as raised:
        load(_file(tmp_path, "sources:\n  - {id: a, hosts: x}\n  - {id: a}\n"))
    assert [problem.line for problem in raised.value.problems] == [2, 3]
    with pytest.raises(SourcesError, match="expected a file that can be read"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("source", "url", "expected"),
    [
        ("wire", None, "wire"),
        (" WIRE ", None, "wire"),
        ("the wire uk", None, "wire"),
        ("www.Wire.example", "https://daily.example/a", "wire"),
        ("TW", "https://daily.example/a", "wire"),
        (None, "https://wire.example/a", "wire"),
        (None, "http://WWW.Daily.Example:8080/a?x=1", "daily"),
        ("a stranger", "https://news.daily.example./a", "daily"),
        (None, "https://sport.daily.example/a", "wire"),
        (None, "https://live.sport.daily.example/a", "wire"),
        (None, "https://notdaily.example/a", None),
        (None, "https://daily.example.evil.test/a", None),
        (None, "https://daily.example@evil.test/a", None),
        (None, "http://[::1/a", None),
        (None, "no url", None),
        ("a stranger", None, None),
        (None, None, None),
    ],
)
def test_an_article_is_the_source_s_by_name_else_by_the_longest_host(
    source: str | None, url: str | None, expected: str | None
) -> None:
    found = LISTED.find(source=source, url=url)
    assert (found.id if found else None) == expected


@given(st.text())
def test_no_url_is_too_strange_to_look_at(url: str) -> None:
    LISTED.find(source=url, url=url)
    host_of(f"https://{url}/")


def _at(text: str, zone: str = "Europe/London") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("moment", "active"),
    [
        ("2026-11-20 05:59", False),  # a Friday
        ("2026-11-20 06:00", True),
        ("2026-11-20 21:59", True),
        ("2026-11-20 22:00", False),
        ("2026-11-21 12:00", False),
        ("2026-07-20 06:30", True),  # British summer time: half past five in UTC
    ],
)
def test_active_hours_are_the_source_s_own(moment: str, active: bool) -> None:
    hours = Active(days=(0, 1, 2, 3, 4), start=6 * 60, end=22 * 60, timezone="Europe/London")
    assert hours.at(_at(moment)) is active
    assert hours.at(_at(moment).astimezone(ZoneInfo("Asia/Tokyo"))) is active


@pytest.mark.parametrize(
    ("moment", "active"),
    [
        ("2026-11-20 19:59", False),
        ("2026-11-20 20:00", True),
        ("2026-11-21 01:59", True),  # Saturday: still Friday's night
        ("2026-11-21 02:00", False),
        ("2026-11-21 20:00", False),
        ("2026-11-20 01:00", False),  # Thursday's night is none of its
    ],
)
def test_hours_past_midnight_belong_to_the_day_that_they_began_on(moment: str, active: bool) -> None:
    assert Active(days=(4,), start=20 * 60, end=2 * 60).at(_at(moment, "UTC")) is active


def test_a_source_without_hours_is_always_active() -> None:
    assert Source(id="a").publishes(_at("2026-11-21 03:00"))


WIRE = Source(id="wire", boilerplate=(r"(?i)^our standards:", r"^\(Reporting by .*\)$"))


def test_furniture_is_taken_out_by_the_paragraph() -> None:
    text = "News of the day.\n\n(Reporting by A. Writer)\n\nMore news.\n\nOur Standards: the principles."
    cleaned = without_boilerplate(text, WIRE)
    assert cleaned.text == "News of the day.\n\nMore news."
    assert cleaned.removed == ("(Reporting by A. Writer)", "Our Standards: the principles.")
    assert (cleaned.count, cleaned.kept) == (2, False)


def test_in_a_text_without_empty_lines_a_line_is_a_paragraph() -> None:
    assert without_boilerplate("News.\nOur standards: high.\nMore.", WIRE).text == "News.\nMore."


def test_a_text_that_is_all_furniture_stays() -> None:
    cleaned = without_boilerplate("Our standards: high.", WIRE)
    assert (cleaned.text, cleaned.removed, cleaned.kept) == ("Our standards: high.", (), True)


def test_a_pattern_reaches_no_further_than_its_paragraph() -> None:
    greedy = Source(id="a", boilerplate=(r"(?s)standards.*",))
    assert without_boilerplate("One.\n\nOur standards.\n\nThree.", greedy).text == "One.\n\nThree."


def test_what_is_removed_is_noted_in_bounds() -> None:
    text = "News.\n\n" + "\n\n".join("Our standards: " + "x" * 5000 for _ in range(200))
    cleaned = without_boilerplate(text, WIRE)
    assert (cleaned.text, cleaned.count) == ("News.", 200)
    assert sum(map(len, cleaned.removed)) <= 4000


def test_no_pattern_hangs_on_a_text() -> None:
    evil = Source(id="a", boilerplate=("(a+)+$", "(a|aa)+$", "(.*)(.*)(.*)(.*)(.*)[^a]$"))
    started = time.monotonic()
    without_boilerplate("a" * 300_000 + "!", evil)
    assert time.monotonic() - started < 5


@given(st.text(alphabet="ab \n:", max_size=80))
def test_what_is_left_is_the_other_paragraphs_in_order(text: str) -> None:
    cleaned = without_boilerplate(text, Source(id="a", boilerplate=("b",)))
    if not cleaned.kept and cleaned.count:
        assert "b" not in cleaned.text
        assert text.count("a") == cleaned.text.count("a") + sum(p.count("a") for p in _removed(text))


def _removed(text: str) -> list[str]:
    return [p for p in text.split("\n\n" if "\n\n" in text else "\n") if "b" in p]


def _wirewatch(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_the_command_starts_a_list_and_checks_it(tmp_path: Path) -> None:
    path = tmp_path / "sources.yaml"
    assert _wirewatch("sources", "init", str(path)).returncode == 0
    again = _wirewatch("sources", "init", str(path))
    assert again.returncode == 78
    assert "--force" in again.stderr
    assert _wirewatch("sources", "check", str(path)).stdout == f"{path}: fine, 2 sources\n"
    path.write_text("sources:\n  - {id: a, expect_every: soon}\n")
    wrong = _wirewatch("sources", "check", str(path))
    assert wrong.returncode == 1
    assert f"{path}:2: sources[0].expect_every: expected a time" in wrong.stdout


def test_annotate_knows_sources_and_refuses_a_broken_list(tmp_path: Path) -> None:
    path, articles = tmp_path / "sources.yaml", tmp_path / "articles.jsonl"
    articles.write_text('{"body": "News.", "url": "https://www.wire.example/1"}\n')
    arguments = ["annotate", str(articles), "--model", "none", "--processes", "1", "--sources", str(path)]
    path.write_text("sources:\n  - {id: wire, hosts: [wire.example]}\n")
    done = _wirewatch(*arguments)
    assert json.loads(done.stdout)["source"] == "wire", done.stderr
    path.write_text("sources:\n  - {id: wire, host: wire.example}\n")
    refused = _wirewatch(*arguments)
    assert refused.returncode == 78
    assert f"{path}:2: sources[0].host: expected “hosts”" in refused.stderr
    assert "Traceback" not in refused.stderr
