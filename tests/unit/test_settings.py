"""Where settings come from, and which source wins."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.configmap import ConfigMap
from topics.errors import ConfigError
from workers.moments import moment
from workers.settings import load


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_flag_wins_over_the_environment_over_secrets_over_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "wirewatch.toml").write_text('brokers = "file:1"\nprefix = "file"\ngroup = "file"\nmodel = "file"\n')
    secrets = folder / "secrets"
    secrets.mkdir()
    for name in ("brokers", "prefix", "group"):
        (secrets / f"wirewatch_{name}").write_text("secret" if name != "brokers" else "secret:1")
    monkeypatch.setenv("WIREWATCH_SECRETS_DIR", str(secrets))
    monkeypatch.setenv("WIREWATCH_BROKERS", "environment:1")
    monkeypatch.setenv("WIREWATCH_PREFIX", "environment")
    found = load(brokers="flag:1")
    assert (found.brokers, found.prefix, found.group, found.model) == ("flag:1", "environment", "secret", "file")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda secrets: secrets.rmdir(), "secrets: expected a directory that we may read"),
        (lambda secrets: (secrets.rmdir(), secrets.touch()), "secrets: expected a directory that we may read"),
        (lambda secrets: (secrets / "wirewatch_group").symlink_to("gone"), "wirewatch_group: expected a file that we"),
        (lambda secrets: (secrets / "WIREWATCH_GROUP").mkdir(), "WIREWATCH_GROUP: expected a file that we may read"),
        (lambda secrets: (secrets / "wirewatch_group").write_bytes(b"\xff"), "wirewatch_group: expected text in UTF-8"),
        (lambda secrets: (secrets / "wirewatch_group").write_bytes(b"g" * 70_000), "wirewatch_group: expected at most"),
    ],
)
def test_a_secret_that_cannot_be_read_is_named(
    made: Callable[[Path], object], expected: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = folder / "secrets"
    secrets.mkdir()
    made(secrets)
    monkeypatch.setenv("WIREWATCH_SECRETS_DIR", str(secrets))
    with pytest.raises(ConfigError) as raised:
        load()
    assert f"WIREWATCH_SECRETS_DIR: {secrets}" in str(raised.value)
    assert expected in str(raised.value)


def test_secrets_that_kubernetes_mounts_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted = ConfigMap(folder / "secrets", {"wirewatch_group": "first", "other": "not ours"})
    monkeypatch.setenv("WIREWATCH_SECRETS_DIR", str(mounted.folder))
    assert load().group == "first"
    mounted.update({"wirewatch_group": "second", "other": "not ours"})
    assert load().group == "second"


def test_parts_of_a_table_come_from_different_sources(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "wirewatch.toml").write_text("[enrich]\nbatch = 4\ndrain = 3\n")
    monkeypatch.setenv("WIREWATCH_ENRICH__DRAIN", "7")
    found = load(enrich={"processes": 2}).enrich
    assert (found.batch, found.drain, found.processes) == (4, 7.0, 2)


def test_what_kubernetes_sets_for_a_service_of_our_name_is_no_port(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIREWATCH_PORT", "tcp://10.0.0.1:9464")
    monkeypatch.setenv("WIREWATCH_SERVICE_HOST", "10.0.0.1")
    assert load().port == 0
    monkeypatch.setenv("WIREWATCH_PORT", "nonsense")
    with pytest.raises(ConfigError, match="WIREWATCH_PORT"):
        load()


def test_one_prefix_names_topics_and_groups_and_each_may_have_its_own_name(folder: Path) -> None:
    found = load(prefix="desk7")
    assert (found.topic("dead-letters"), found.group_of("enrich")) == ("desk7.dead-letters", "desk7.wirewatch-enrich")
    (folder / "wirewatch.toml").write_text(
        '[topics]\nhits = "a.hits"\ndead-letters = "a.dlq"\n[groups]\nalert = "a-folds"\n'
    )
    found = load(prefix="desk7", group="g")
    assert [found.topic(role) for role in ("raw", "hits", "dead-letters")] == ["desk7.raw", "a.hits", "a.dlq"]
    assert [found.group_of(name) for name in ("enrich", "alert", "deliver-x")] == ["g-enrich", "a-folds", "g-deliver-x"]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([{"topics": ["a"]}, {"topics": ["b", "a"]}], "found it in two: a"),
        ([{"topics": ["feeds.a"]}, {"topics": "feeds\\..*"}], "found it in two: feeds.a"),
        ([{"topics": "news\\..*"}], "one of our own: news.enriched"),
        ([{"topics": ["news.hits"]}], "one of our own: news.hits"),
        ([{"topics": "("}], "a list of topics, or a pattern"),
        ([{"topics": ["a b"]}], "expected names of topics"),
        ([{"topics": []}], "expected names of topics"),
    ],
)
def test_inputs_that_cannot_be(folder: Path, inputs: list[dict[str, object]], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(input=inputs)


@pytest.mark.parametrize("start", ["earliest", "latest", "-30m", "-2h", "-3d", "2026-11-24T08:00:00Z", "2026-11-24"])
def test_a_new_group_begins_where_one_says(folder: Path, start: str) -> None:
    assert load(start=start).start == start


def test_a_new_group_may_begin_at_a_time_of_toml(folder: Path) -> None:
    (folder / "wirewatch.toml").write_text("start = 2026-11-24T08:00:00Z\n")
    assert moment(load().start, now=0) == 1795507200.0


@pytest.mark.parametrize("start", ["", "2h", "-2", "-2w", "yesterday", "2026-13-01", "Latest", "-99999999d"])
def test_a_start_that_is_none(folder: Path, start: str) -> None:
    with pytest.raises(ConfigError, match=r"start.*expected earliest, latest, a time"):
        load(start=start)


def test_so_long_ago_is_before_now_and_a_time_without_a_zone_is_utc() -> None:
    assert [moment(start, now=1e9) for start in ("-90s", "-30m", "-2h", "-3d")] == [
        1e9 - seconds for seconds in (90, 1800, 7200, 259200)
    ]
    assert moment("2026-11-24T08:00:00", now=0) == moment("2026-11-24T09:00:00+01:00", now=0)
    assert moment("earliest", now=0) is None


def test_a_route_may_name_its_group_and_clients_are_called_like_the_groups(folder: Path) -> None:
    route = {"name": "chat", "group": "desk-chat", "sink": {"kind": "stdout"}}
    assert load(deliver={"route": [route]}).group_of("deliver-chat") == "desk-chat"
    assert (load(prefix="p").client_id, load(prefix="p", client_id="c").client_id) == ("p.wirewatch", "c")


@pytest.mark.parametrize(
    "wrong",
    [
        {"topics": {"hits": "a", "alerts": "a"}},
        {"groups": {"enrich": "a", "alert": "a"}},
        {"groups": {"enrich": "a"}, "deliver": {"route": [{"name": "x", "group": "a", "sink": {"kind": "stdout"}}]}},
    ],
)
def test_no_name_is_used_twice(folder: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="expected names of their own, found a"):
        load(**wrong)


def test_an_input_says_how_its_records_are_read(folder: Path) -> None:
    (folder / "wirewatch.toml").write_text(
        """
[[input]]
topics = ["cms"]
format = "avro"
registry = {url = "https://registry.example/", username = "u", password = "s3cret"}
map = {title = "headline", body = ["content.html", "content.text"], status = []}
dates = ["%d.%m.%Y", "epoch-ms"]
timezone = "Europe/Berlin"
source = "cms"
"""
    )
    found = load()
    form = found.inputs[0].form
    assert form.map == {"title": ("headline",), "body": ("content.html", "content.text"), "status": ()}
    assert (form.registry, form.expected, form.claims("cms")) == ("https://registry.example", ("title", "body"), True)
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"format": "xml"}, "format: expected 'json', 'connect-json'"),
        ({"format": "avro"}, "registry: expected with format"),
        ({"map": {"headline": ["a"]}}, "headline: no such field; expected one of id, url, source, title, body"),
        ({"map": {"title": ["a..b"]}}, "title: expected a path such as content.html"),
        ({"map": {"title": [""]}}, "title: expected a path"),
        ({"dates": ["%d.%m. %H:%M"]}, "a pattern with year, month and day"),
        ({"dates": ["%Q"]}, "a pattern with year, month and day"),
        ({"timezone": "Mars/Olympus"}, "a time zone such as Europe/Berlin"),
        ({"timezone": "../etc/passwd"}, "a time zone such as Europe/Berlin"),
        ({"deletes": "withdraw"}, "deletes: expected with format"),
        ({"registry": {"url": "registry:8081"}}, "the URL of a schema registry"),
        ({"registry": {"url": "http://u:p@registry"}}, "a URL without user and password"),
        ({"registry": {"url": "http://registry", "password": "p"}}, "username: expected with a password"),
        ({"content_type": "application/pdf"}, "content-type: expected"),
        ({"fromat": "json"}, "unknown; expected one of content_type, dates, deletes, format"),
    ],
)
def test_inputs_that_cannot_be_read(folder: Path, more: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(input=[{"topics": ["a"], **more}])


def test_what_is_wrong_with_an_input_is_said_by_its_line(folder: Path) -> None:
    (folder / "wirewatch.toml").write_text('[[input]]\ntopics = ["a"]\n\n[input.map]\nheadline = ["x"]\n')
    with pytest.raises(ConfigError, match=r"wirewatch.toml:\d+: input.0.map: headline: no such field"):
        load()


@pytest.mark.parametrize("option", [{"auto_offset_reset": "latest"}, {"enable_auto_commit": True}, {"group_id": "x"}])
def test_options_of_the_client_cannot_break_what_is_promised(folder: Path, option: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"consumer.*{next(iter(option))}"):
        load(kafka={"consumer": option})


def test_a_brake_that_could_never_be_put_on(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"brake.*minimum: expected at most window"):
        load(enrich={"brake": {"window": 10, "minimum": 20}})
