"""Gold for articles beside the project: what they name by offset, never their text.

`python -m tests.gold.shared FILE ID MARKED` prints the line of `shared.jsonl` for an article of which `MARKED` is the
marked-up form (`tests.gold.marked`), kept outside the project. `FILE` is one of `shared/data/articles`.
"""

import argparse
import gzip
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tests.gold.marked import Annotated, Named, read_marked
from workers.article.text import clean, clean_title

ARTICLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "articles"
SEED = "seed.txt"
"""The acceptance article: plain text without a title. It is none of the 40."""
_GOLD = Path(__file__).with_name("shared.jsonl")


class Drift(ValueError):
    """The text is no longer the one that was annotated, or is cleaned otherwise: its gold has to be made again."""


def shared() -> list[Annotated]:
    """The annotated articles of the folder beside the project, but for the acceptance article. Raises Drift."""
    return [_annotated(line) for line in _lines() if line["file"] != SEED]


def seed() -> Annotated:
    """The acceptance article. Raises Drift."""
    return next(_annotated(line) for line in _lines() if line["file"] == SEED)


def _lines() -> Iterator[dict[str, Any]]:
    return map(json.loads, _GOLD.read_text(encoding="utf-8").splitlines())


def _annotated(line: dict[str, Any]) -> Annotated:
    title, text = _text_of(line["file"], line["id"])
    fields = {"title": title, "text": text}
    named = tuple(
        Named(
            field=field,
            start=start,
            end=end,
            text=fields[field][start:end],
            label=label,
            names=tuple(names.split(";")),
            entity_id=entity_id,
        )
        for field, start, end, label, names, entity_id in line["named"]
    )
    article = Annotated(id=line["id"], title=title, text=text, named=named)
    if _digest(article) != line["digest"]:
        raise Drift(f"{line['file']}: {line['id']}: not the text that was annotated")
    return article


def _digest(article: Annotated) -> str:
    """Of all that comes before the last mention ends: what is cut off after it moves no offset."""
    last = max(named.end for named in article.named)
    return hashlib.sha256(f"{article.title}\n{article.text[:last]}".encode()).hexdigest()[:16]


def _text_of(file: str, article_id: str) -> tuple[str, str]:
    """(title, text), both clean."""
    if file == SEED:
        return "", clean((ARTICLES / SEED).read_text(encoding="utf-8"), content_type="text/plain").text
    article = _records(file)[article_id]
    return clean_title(article["title"]).text, clean(article["body"]).text


@cache
def _records(file: str) -> dict[str, dict[str, Any]]:
    wanted = {line["id"] for line in _lines()}
    with gzip.open(ARTICLES / file, "rt", encoding="utf-8") as lines:
        return {record["id"]: record for record in map(json.loads, lines) if record["id"] in wanted}


def _line(file: str, article_id: str, marked: str) -> str:
    article = read_marked(article_id, marked)
    title, text = _text_of(file, article_id)
    if (article.title, article.text) != (title, text):
        raise ValueError(f"{article_id}: without its marks it is not the article")
    named = [[n.field, n.start, n.end, n.label, ";".join(n.names), n.entity_id] for n in article.named]
    line = {"file": file, "id": article_id, "digest": _digest(article), "named": named}
    return json.dumps(line, ensure_ascii=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("id")
    parser.add_argument("marked", type=Path)
    arguments = parser.parse_args()
    print(_line(arguments.file, arguments.id, arguments.marked.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
