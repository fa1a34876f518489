"""spaCy pipelines of a few bytes, made where a test needs one."""

from collections.abc import Mapping
from pathlib import Path

import spacy


def made(folder: Path, language: str, patterns: Mapping[str, str] | None) -> str:
    """A pipeline in `folder` that finds these texts, by label; one that can find nothing where `patterns` is None."""
    nlp = spacy.blank(language)
    if patterns is None:
        nlp.add_pipe("sentencizer")
    else:
        ruler = nlp.add_pipe("entity_ruler")
        ruler.add_patterns([{"label": label, "pattern": text} for text, label in patterns.items()])  # type: ignore[attr-defined]
    nlp.meta["name"], nlp.meta["version"] = "tiny", "1.0.0"
    nlp.to_disk(folder)
    return str(folder)
