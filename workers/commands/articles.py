"""Articles from files: what `annotate`, `publish`, `watchlists test` and `demo` read."""

import sys
from collections.abc import Iterator
from pathlib import Path

from topics.codec import encode
from topics.errors import ConfigError
from topics.records import RawArticle

STDIN = Path("-")
_LONGEST_LINE = 64 * 1024 * 1024


def raw_values(path: Path, *, text: bool = False) -> Iterator[bytes]:
    """The raw records in a file, or on standard input for "-": a line each, or with `text` the whole as one article.

    A line that is no JSON is passed on as it is. A file that does not look like JSON Lines at all is taken for one
    plain-text article. Raises ConfigError for a file that cannot be read.
    """
    if text or (path != STDIN and _is_prose(path)):
        yield encode(text_article(path))
        return
    try:
        with sys.stdin.buffer if path == STDIN else path.open("rb") as file:
            while line := file.readline(_LONGEST_LINE):
                if line.strip():
                    yield line.rstrip(b"\r\n")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None


def text_article(path: Path) -> RawArticle:
    """A plain-text file as an article: its first line is the title where a blank line follows it."""
    try:
        data = sys.stdin.buffer.read() if path == STDIN else path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    text = data.decode("utf-8-sig", "replace")
    first, _, rest = text.lstrip().partition("\n")
    if rest.startswith(("\n", "\r\n")) and rest.strip() and len(first) <= 300:
        return RawArticle(title=first.strip(), body=rest.strip())
    return RawArticle(body=text)


def _is_prose(path: Path) -> bool:
    """Whether no line among the first few starts like a JSON object. What can be read only once is not looked at."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            head = file.read(65536)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    lines = [line for line in head.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()]
    return bool(lines) and not any(line.lstrip().startswith(b"{") for line in lines)
