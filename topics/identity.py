"""Deterministic ids: the same input gives the same id on every worker and in every replay."""

from hashlib import blake2b
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from topics.records import RawArticle

_TRACKING = ("utm_", "fbclid", "gclid", "mc_cid", "mc_eid", "cmpid", "igshid")


def digest(*parts: str) -> str:
    """16 hexadecimal digits of BLAKE2b over the parts, unambiguous in where one ends and the next begins."""
    h = blake2b(digest_size=8)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        h.update(len(data).to_bytes(8, "big"))
        h.update(data)
    return h.hexdigest()


def canonical_url(url: str) -> str:
    """The URL without fragment, tracking parameters, default port, `www.`-case and trailing-slash differences.

    Returned as it came where it cannot be parsed.
    """
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").lower()
        if parts.port and (parts.scheme.lower(), parts.port) not in (("http", 80), ("https", 443)):
            host += f":{parts.port}"
    except ValueError:
        return url.strip()
    if not host:
        return url.strip()
    query = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if not k.lower().startswith(_TRACKING)]
    return urlunsplit(("https", host, parts.path.rstrip("/") or "/", urlencode(query), ""))


def revision_of(article: RawArticle) -> str:
    """A hash of title and body: a correction under the same id is another revision."""
    return digest("revision", article.title or "", article.body or "")


def article_id_of(article: RawArticle) -> str:
    """The article's own id; else one from its canonical URL; else one from its content."""
    if article.id:
        return article.id
    if article.url:
        return "u-" + digest("url", canonical_url(article.url))
    return "c-" + digest("content", article.title or "", article.body or "")


def hit_id(desk: str, article_id: str, revision: str) -> str:
    """The id of the hit of one article, in one revision, for one desk."""
    return digest("hit", desk, article_id, revision)


def alert_id(desk: str, story_id: str, kind: str, ordinal: int) -> str:
    """The id of a story's `ordinal`-th alert to a desk."""
    return digest("alert", desk, story_id, kind, str(ordinal))
