"""`wirewatch watchlists push|list|get|remove` on a real broker, as a user types them."""

import asyncio
import json
from pathlib import Path

import pytest

from alerts.watchlist import Rule, Watchlist, load, text
from tests.e2e.test_commands import Shell
from tests.kafka.broker import Cluster

pytestmark = pytest.mark.kafka
CONFIGURATION = 78


@pytest.fixture
def wirewatch(kafka: Cluster, prefix: str) -> Shell:
    return Shell(kafka, prefix)


def watchlist(id: str, *terms: str, desk: str | None = None) -> str:
    rules = tuple(Rule(id=f"r{number}", terms=(term,)) for number, term in enumerate(terms))
    return text(Watchlist(id=id, desk=desk or id, rules=rules))


def test_a_watchlist_is_pushed_looked_at_edited_and_removed(wirewatch: Shell, tmp_path: Path) -> None:
    wirewatch("topics", "create", "--partitions", "1")
    file = tmp_path / "minerals.yaml"
    file.write_text(watchlist("minerals", "neodymium", "cerium"))
    version = load(file).version
    assert wirewatch("watchlists", "list", "--json").stdout == ""
    dry = wirewatch("watchlists", "push", str(file), "--dry-run").stdout
    assert dry == f"minerals: would be pushed, version {version}, 2 rules\n"
    assert wirewatch("watchlists", "list", "--json").stdout == ""
    done = wirewatch("watchlists", "push", str(tmp_path), "--by", "ann").stdout
    assert done == f"minerals: pushed, version {version}, 2 rules\n"
    again = json.loads(wirewatch("watchlists", "push", str(file), "--json").stdout)
    assert again == {"id": "minerals", "version": version, "rules": 2, "changed": False}
    (row,) = [json.loads(line) for line in wirewatch("watchlists", "list", "--json").stdout.splitlines()]
    assert row.pop("pushed_at").startswith("20")
    expected = {"id": "minerals", "desk": "minerals", "rules": 2, "version": version, "pushed_by": "ann"}
    assert row == expected | {"state": "whole", "problems": []}
    assert version in wirewatch("watchlists", "list").stdout

    edited = tmp_path / "edited.yaml"
    edited.write_text(wirewatch("watchlists", "get", "minerals").stdout)
    assert load(edited) == load(file)
    assert json.loads(wirewatch("watchlists", "get", "minerals", "--json").stdout)["version"] == version
    edited.write_text(edited.read_text().replace("cerium", "yttrium"))
    assert ": pushed, version " in wirewatch("watchlists", "push", str(edited)).stdout

    removed = wirewatch("watchlists", "remove", "minerals").stdout
    assert removed == "minerals: removed, and the desk minerals closed\n"
    for command in ("remove", "get"):
        assert "no watchlist minerals on" in wirewatch("watchlists", command, "minerals", fails=1).stderr


def test_nothing_is_pushed_if_one_file_is_wrong(wirewatch: Shell, tmp_path: Path) -> None:
    wirewatch("topics", "create", "--partitions", "1")
    (tmp_path / "a.yaml").write_text(watchlist("a", "one1"))
    (tmp_path / "b.yaml").write_text("id: b\nrules:\n  - id: r\n    trems: [x]\n")
    done = wirewatch("watchlists", "push", str(tmp_path), fails=1)
    assert "b.yaml:4: rules[0].trems: expected “terms”" in done.stdout
    assert wirewatch("watchlists", "list", "--json").stdout == ""


def test_what_the_settings_files_have_is_not_pushed_beside_them(wirewatch: Shell, prefix: str, tmp_path: Path) -> None:
    wirewatch("topics", "create", "--partitions", "1")
    file = tmp_path / "lists" / "a.yaml"
    file.parent.mkdir()
    file.write_text(watchlist("a", "one1", desk="desk"))
    other = tmp_path / "b.yaml"
    other.write_text(watchlist("b", "two2", desk="desk"))
    config = tmp_path / "wirewatch.toml"
    config.write_text(f'watchlists = ["{file.parent}"]\n')
    done = wirewatch("watchlists", "push", str(file), "--config", str(config), fails=1)
    assert f"{file}: has a, too" in done.stdout
    wirewatch("watchlists", "push", str(file), "--config", str(config), "--force")
    refused = wirewatch("enrich", "--config", str(config), "--processes", "1", fails=CONFIGURATION)
    assert f"{file}:1: id: expected an id of its own, found “a”, which {prefix}.watchlists/0/1 on" in refused.stderr
    wirewatch("watchlists", "push", str(other), "--config", str(config))
    # The desk lives on in a file.
    for id in ("a", "b"):
        assert wirewatch("watchlists", "remove", id, "--config", str(config)).stdout == f"{id}: removed\n"


def test_a_topic_that_cannot_keep_watchlists_is_refused(wirewatch: Shell, kafka: Cluster, prefix: str) -> None:
    file = "alerts/watchlists/trade.yaml"
    done = wirewatch("watchlists", "push", file, fails=CONFIGURATION)
    assert f"no topic {prefix}.watchlists" in done.stderr
    assert "wirewatch topics create" in done.stderr
    asyncio.run(kafka.create_topic(f"{prefix}.watchlists", cleanup_policy="delete"))
    done = wirewatch("watchlists", "push", file, fails=CONFIGURATION)
    assert "expected cleanup.policy=compact, found delete" in done.stderr


def test_a_rule_that_is_too_large_is_named_before_anything_is_sent(wirewatch: Shell, tmp_path: Path) -> None:
    wirewatch("topics", "create", "--partitions", "1")
    file = tmp_path / "w.yaml"
    terms = [f"{'x' * 150}{number}" for number in range(8000)]
    rules = (Rule(id="small", terms=("x1",)), Rule(id="large", terms=tuple(terms)))
    file.write_text(text(Watchlist(id="w", desk="w", rules=rules)))
    done = wirewatch("watchlists", "push", str(file), fails=1)
    assert "rule/w/large/" in done.stderr
    assert "max.message.bytes" in done.stderr
    assert wirewatch("watchlists", "list", "--json").stdout == ""


def test_options_that_no_client_takes_end_a_worker_at_once(wirewatch: Shell, tmp_path: Path) -> None:
    wirewatch("topics", "create", "--partitions", "1")
    config = tmp_path / "wirewatch.toml"
    config.write_text("[kafka.consumer]\nfetch_max_weight_ms = 5\n")
    done = wirewatch("enrich", "--config", str(config), "--processes", "1", fails=CONFIGURATION)
    assert "fetch_max_weight_ms" in done.stderr
