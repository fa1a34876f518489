import gzip
import json
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.stories import CANDIDATES, SIZE, Index, normal_title, same_story, signature, similarity

TEXT = (
    "Negotiators from both sides met for a second day on Sunday and said that they had agreed on a framework which "
    "their leaders are to consider when they meet later this week, with tariffs, export controls and purchases of "
    "soybeans among the points that were named by the officials who spoke to reporters after the session had ended."
)
CHINESE = (
    "两国代表团周日在吉隆坡举行第二天会谈并表示已就框架达成一致"
    "双方领导人将于本周晚些时候会晤时审议关税出口管制和大豆采购等问题"
)


def test_a_signature_is_the_same_in_another_process() -> None:
    code = f"from alerts.stories import signature; print(signature({TEXT!r}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == signature(TEXT)


def test_a_signature_is_the_one_that_older_workers_wrote() -> None:
    assert signature("Talks ended on Sunday without a deal.").startswith(PINNED)


def test_case_punctuation_and_unicode_form_make_no_difference() -> None:
    assert signature("Café talks, on: Sunday!") == signature("CAFE\u0301 talks on sunday")


@pytest.mark.parametrize("text", ["", " \n ", "?!"])
def test_a_text_without_a_word_is_like_nothing(text: str) -> None:
    assert signature(text) == ""
    assert similarity(signature(text), signature(text)) == 0.0


@pytest.mark.parametrize("junk", ["", "no base64!", "AAAA", "é"])
def test_what_is_no_signature_is_like_nothing(junk: str) -> None:
    assert similarity(junk, signature(TEXT)) == 0.0
    assert not same_story(junk, "t", signatures=(signature(TEXT),), titles=("t",))


def test_a_word_is_enough_for_a_signature() -> None:
    assert similarity(signature("Talks"), signature("talks.")) == 1.0


def test_text_without_spaces_is_compared_by_characters() -> None:
    assert similarity(signature(CHINESE), signature("（路透）" + CHINESE + "完")) > 0.6
    assert similarity(signature(CHINESE), signature(CHINESE[::-1])) < 0.1


@given(st.sets(st.integers(0, 60), min_size=8), st.sets(st.integers(0, 60), min_size=8))
def test_similarity_estimates_the_share_of_common_shingles(a: set[int], b: set[int]) -> None:
    def text(blocks: set[int]) -> str:
        return " ".join(f"a{n} b{n} c{n} d{n} e{n} f{n} g{n} h{n}" for n in sorted(blocks))

    def shingles(value: str) -> set[tuple[str, ...]]:
        words = value.split()
        return {tuple(words[i : i + 4]) for i in range(len(words) - 3)}

    left, right = shingles(text(a)), shingles(text(b))
    exact = len(left & right) / len(left | right)
    # Five standard errors: one draw in two million falls outside by chance.
    assert abs(similarity(signature(text(a)), signature(text(b))) - exact) <= 5 * 0.5 / SIZE**0.5


@pytest.mark.shared
@pytest.mark.parametrize(
    ("kind", "found"), [("dateline", 1.0), ("closing", 1.0), ("tenth cut", 0.97), ("truncated", 0.93)]
)
def test_syndicated_copies_are_found_again(shared_data: Path, kind: str, found: float) -> None:
    copy = COPIES[kind]
    bodies = [article["body"] for article in _articles(shared_data, "reuters21578") if len(article["body"]) > 300][:600]
    same = [same_story(signature(copy(body)), "", signatures=(signature(body),), titles=()) for body in bodies]
    assert sum(same) / len(same) >= found


@pytest.mark.shared
def test_different_articles_under_one_title_stay_apart(shared_data: Path) -> None:
    by_title: dict[str, list[str]] = {}
    for article in _articles(shared_data, "reuters21578"):
        by_title.setdefault(normal_title(article["title"]), []).append(article["body"])
    stock = [body for title, bodies in by_title.items() if title and len(bodies) > 1 for body in bodies[:2]]
    pairs = [(signature(a), signature(b)) for a, b in zip(stock[::2], stock[1::2], strict=True)]
    joined = sum(same_story(a, "t", signatures=(b,), titles=("t",)) for a, b in pairs)
    assert 0 < joined < len(pairs) * 0.8


def test_the_title_lets_less_alike_texts_tell_one_story() -> None:
    words = TEXT.split()
    shorter = signature(" ".join(words[: int(len(words) * 0.45)]))
    assert 0.35 <= similarity(shorter, signature(TEXT)) < 0.5
    assert same_story(shorter, "talks", signatures=(signature(TEXT),), titles=("talks",))
    assert not same_story(shorter, "talks", signatures=(signature(TEXT),), titles=("other",))


def test_titles_are_compared_without_case_and_punctuation() -> None:
    assert normal_title("  US–China “Talks”: Day\t2 ") == normal_title("us china talks day 2")
    assert normal_title(None) == normal_title("—") == ""


START = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_index_finds_near_copies_among_many_and_the_earliest_first() -> None:
    index = Index()
    for number in range(500):
        text = " ".join(f"w{number}x{place}" for place in range(60))
        index.add((START + timedelta(minutes=number), f"s{number}"), signatures=(signature(text),), titles=())
    index.add((START, "late"), signatures=(signature(TEXT),), titles=())
    index.add((START - timedelta(hours=1), "early"), signatures=(signature(TEXT + " It ended."),), titles=())
    assert [story for _, story in index.candidates(signature("Today. " + TEXT), "")] == ["early", "late"]


def test_what_is_removed_is_not_found_and_leaves_nothing_behind() -> None:
    index = Index()
    index.add((START, "a"), signatures=(signature(TEXT),), titles=("talks",))
    index.add((START, "b"), signatures=(signature(TEXT),), titles=("talks",))
    index.remove((START, "a"), signatures=(signature(TEXT),), titles=("talks",))
    assert [story for _, story in index.candidates(signature(TEXT), "talks")] == ["b"]
    index.remove((START, "b"), signatures=(signature(TEXT),), titles=("talks",))
    assert len(index) == 0


def test_a_title_that_thousands_share_costs_no_more_than_the_latest() -> None:
    index = Index()
    for number in range(CANDIDATES * 3):
        index.add((START + timedelta(minutes=number), f"s{number}"), signatures=(), titles=("stock report",))
    found = index.candidates("", "stock report")
    assert len(found) == CANDIDATES
    assert found[-1][1] == f"s{CANDIDATES * 3 - 1}"


@given(st.permutations(list(range(12))))
def test_the_index_does_not_hang_on_the_order_in_which_it_was_built(order: list[int]) -> None:
    index = Index()
    for number in order:
        index.add((START + timedelta(minutes=number // 3), f"s{number}"), signatures=(SIGNATURE,), titles=("t",))
    assert [story for _, story in index.candidates(SIGNATURE, "t")] == sorted(
        (f"s{n}" for n in range(12)), key=lambda name: (int(name[1:]) // 3, name)
    )


def _articles(shared_data: Path, name: str) -> list[dict[str, str]]:
    with gzip.open(shared_data / "articles" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [article for line in lines if (article := json.loads(line)).get("body") and article.get("title")]


def _tenth_cut(text: str) -> str:
    random_runs, words = random.Random(len(text)), text.split()
    run = max(1, len(words) // 50)
    for _ in range(5):
        at = random_runs.randrange(max(1, len(words) - run))
        del words[at : at + run]
    return " ".join(words)


def _truncated(text: str) -> str:
    words = text.split()
    return " ".join(words[: len(words) * 6 // 10])


COPIES: dict[str, Callable[[str], str]] = {
    "dateline": lambda text: f"KUALA LUMPUR, Oct 26 (Agency) - {text}",
    "closing": lambda text: f"{text} Reporting by our staff in Kuala Lumpur; editing by the night desk.",
    "tenth cut": _tenth_cut,
    "truncated": _truncated,
}
SIGNATURE = signature(TEXT)
PINNED = "79NVNADAxFSDYqIaQJUs5i6l"
