"""Articles for a night: each tells something else, and one in four is about what the first desk watches."""

import json
import random
import time
from collections.abc import Iterator

WATCHLIST = """\
id: night
desk: night
policy: {cooldown: 60}
rules:
  - {id: earths, severity: urgent, terms: [rare earths]}
"""
OTHERS = {
    "trade": """\
id: trade
rules:
  - {id: levies, severity: flash, sources: [wire, gazette, courier], terms: [doubled a levy, approved a levy]}
  - {id: treaties, severity: urgent, sources: [wire, gazette, courier], terms: [withdrew a treaty, rejected a treaty]}
""",
    "shipping": """\
id: shipping
policy: {cooldown: 600}
rules:
  - {id: timetables, sources: [wire, gazette, courier], terms: [postponed the ferry timetable]}
  - {id: ports, severity: urgent, sources: [gazette], terms: [port authority withdrew]}
""",
}
"""Of other desks. What is published for load is of none of these sources."""
BROKEN = WATCHLIST.replace("terms:", "trems:")
SOURCES = """\
sources:
  - {id: wire, hosts: [wire.example], expect_every: 1h, boilerplate: ["^Wire desk, "]}
  - {id: gazette, hosts: [gazette.example], expect_every: 10m}
  - {id: courier, hosts: [courier.example], expect_every: 1m}
"""
STEADY = ("wire", "wire", "gazette", "courier")
WITH_HARBOUR = SOURCES + "  - {id: harbour, hosts: [harbour.example], expect_every: 30s}\n"
BAD = b'{"headline": "of a publisher that has changed its format"'

_WHO = ("The ministry", "A port authority", "The central bank", "A mining company", "The union", "A court in Geneva")
_DID = ("postponed", "approved", "questioned", "announced", "withdrew", "doubled", "published", "rejected", "reviewed")
_WHAT = ("a levy on copper", "the ferry timetable", "new loans", "a rail contract", "the housing plan", "a treaty")
_WHERE = ("in Lisbon", "near Osaka", "in Nairobi", "for Quebec", "in Jakarta", "on the Danube", "in Lima", "at Turin")
_FURNITURE = ("Sign up for our newsletter.", "Follow us on Facebook and Instagram.", "Wire desk, third floor.", "")
_WATCHED = "Exports of rare earths are part of it."


def article(number: int, *, source: str = "wire", at: float | None = None) -> bytes:
    """One article; the same number tells the same thing. `at` is when it was published, now by default."""
    choose = random.Random(number).choice
    body = " ".join(
        f"{choose(_WHO)} {choose(_DID)} {choose(_WHAT)} {choose(_WHERE)}, {number * 7 + n} officials said."
        for n in range(6)
    )
    published = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at if at is not None else time.time()))
    told = {
        "id": f"{source}-{number}",
        "url": f"https://{source}.example/{number}",
        "title": f"{choose(_WHO)} {choose(_DID)} {choose(_WHAT)} {choose(_WHERE)} ({number})",
        "body": (f"{_WATCHED} {body}" if number % 4 == 0 else body) + f"\n\n{choose(_FURNITURE)}",
        "published_at": published,
    }
    return json.dumps(told).encode()


def steady(number: int, *, rate: float) -> Iterator[bytes]:
    """So many lines of several sources, dated as they will be published at so many a second."""
    now = time.time()
    for n in range(number):
        yield article(n, source=random.Random(n).choice(STEADY), at=now + n / rate) + b"\n"


def unwatched(number: int, *, first: int) -> Iterator[bytes]:
    """Articles for load, of which none is about what the desk watches."""
    return (article(4 * (first + n) + 1, source="load") + b"\n" for n in range(number))
