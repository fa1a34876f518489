"""Logs: one event a line on stderr, structlog's and the libraries' alike.

Whatever is logged may come from an article or from the settings: control characters are escaped before they reach
a terminal, and what looks like a secret is masked.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

import structlog

MASK = "***"
LIBRARIES = (
    "aiokafka",
    "kafka",
    "faust",
    "mode",
    "asyncio",
    "aiohttp",
    "watchfiles",
    "trafilatura",
    "urllib3",
    "opentelemetry",
)
"""Heard from `warning` on, whatever our own level."""

_SECRET_KEY = re.compile(
    r"(?i)passw(or)?d|passphrase|token|secret|authori[sz]ation|api[_-]?key|credential|private[_-]?key"
)
_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/?#@]+@")
# C0 but the line feed (JSON escapes it, `_render_text` does), DEL, C1, line and paragraph separators, and what
# reorders or hides text.
_CONTROL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)

_REMEMBERED = 1000
_Event = MutableMapping[str, Any]


def setup(*, format: str = "auto", level: str = "info", stream: TextIO | None = None) -> None:
    """Send all logs to `stream` (stderr), from `level` on; libraries' from warnings on. May be called again.

    `format`: `json`, `text`, or `auto`: text where the stream is a terminal, JSON elsewhere.
    """
    out = stream or sys.stderr
    text = format == "text" or (format == "auto" and out.isatty())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_common(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        # Cached loggers would keep the processors of an earlier setup.
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_common(),
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_last(text=text)],
        )
    )
    handler.addFilter(Repeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    _quiet(logging.getLevelNamesMapping()[level.upper()])


class Repeats(logging.Filter):
    """Lets a library say the same once in `every` seconds: with brokers away, aiokafka says it ten times a second."""

    def __init__(self, *, every: float = 10.0, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every = every
        self._now = now
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.split(".")[0] not in LIBRARIES:
            return True
        said = (record.name, record.getMessage())
        now = self._now()
        if now - self._said.get(said, -self._every) < self._every:
            return False
        if len(self._said) >= _REMEMBERED:
            self._said.clear()
        self._said[said] = now
        return True


def _quiet(level: int) -> None:
    for name in LIBRARIES:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(max(level, logging.WARNING))


def _common() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        mask_secrets,
    ]


def _last(*, text: bool) -> list[Any]:
    if text:
        return [escape_controls, _render_text]
    # JSON escapes C0 itself; the rest is escaped all the same, for whoever prints a field of it.
    return [escape_controls, structlog.processors.JSONRenderer(ensure_ascii=False, default=repr)]


def mask_secrets(_: Any, __: str, event: _Event) -> _Event:
    """Mask values under keys that name a secret, and the userinfo of URLs anywhere, nested values too."""
    return {key: _masked(key, value) for key, value in event.items()}


def _masked(key: Any, value: Any) -> Any:
    # `_record` and the like are the formatter's own.
    if isinstance(key, str) and not key.startswith("_") and value is not None and _SECRET_KEY.search(key):
        return MASK
    if isinstance(value, str):
        return _USERINFO.sub(rf"\g<1>{MASK}@", value)
    if isinstance(value, dict):
        return {inner: _masked(inner, item) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(None, item) for item in value]
    return value


def escape_controls(_: Any, __: str, event: _Event) -> _Event:
    """Write control characters, bidi overrides and lone surrogates as escapes, in keys and values."""
    return {_escaped(key): _escaped_value(value) for key, value in event.items()}


def _escaped_value(value: Any) -> Any:
    if isinstance(value, bool | int | float | None):
        return value
    if isinstance(value, dict):
        return {_escaped(str(key)): _escaped_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped_value(item) for item in value]
    return _escaped(value if isinstance(value, str) else repr(value))


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode("ascii"), text)


def _render_text(_: Any, __: str, event: _Event) -> str:
    """`TIME LEVEL event key=value …`; a traceback stays on the line, escaped."""
    head = [str(event.pop("timestamp", "")), f"{event.pop('level', '')!s:<8}", str(event.pop("event", ""))]
    logger = event.pop("logger", None)
    named = [*sorted(event.items()), *([("logger", logger)] if logger else [])]
    return " ".join([*head, *(f"{key}={_quoted(value)}" for key, value in named)]).replace("\n", "\\n")


def _quoted(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or re.search(r'[\s"=]', text) else text
