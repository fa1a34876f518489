"""A record of an input as an article: bytes, an object, what is wrapped in it, RawArticle's names, the article.

Pure: no network, no clock. Schemas come with the record (`topics.inputs.framing`).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from topics.errors import InvalidRecord
from topics.inputs import framing
from topics.inputs.envelopes import UNWRAP, Content, of_media
from topics.inputs.form import Form
from topics.inputs.mapping import Map
from topics.inputs.moments import Moments
from topics.raw import Headers, article_of, cloud_event, no_registry, parse_object
from topics.records import RawArticle, Warn

_NO_ARTICLE = RawArticle()
_TEXT_TYPES = (b"text/", b"application/xhtml+xml")


class Read(NamedTuple):
    """An article, what had to be mended in it, and which of the fields that its input expects it does not have.

    `filtered` says why a record is no article where it is none: null, deleted, tombstone (what follows a deletion),
    no_row (a truncated table, a message), no_data.
    """

    article: RawArticle = _NO_ARTICLE
    warnings: tuple[Warn, ...] = ()
    missing: tuple[str, ...] = ()
    filtered: str | None = None


class Reader:
    """Reads the records of one input. Raises ValueError for a form that cannot be."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._unwrap = UNWRAP[form.format]
        self._map = Map(form.map) if form.map else None
        self._moments = Moments(form.dates, form.timezone)
        given = {"source": form.source, "language": form.language, "content_type": form.content_type}
        self._defaults = {name: value for name, value in given.items() if value}
        self._expected = form.expected

    def __call__(self, value: bytes | None, headers: Headers = (), *, schema: bytes | None = None) -> Read:
        """`schema` is what a framed value was written with, packed. Raises InvalidRecord."""
        if value is None and self._form.format == "debezium":
            return Read(filtered="tombstone")
        try:
            found, warnings = self._object(value, headers, schema)
            content = self._unwrap(found)
            if content.filtered or (content.deleted and self._form.deletes == "ignore"):
                return Read(filtered=content.filtered or "deleted")
            return self._article(content, [*warnings, *content.warnings], headers)
        except RecursionError:
            raise InvalidRecord("too_deep", "nested too deeply") from None

    def _object(self, value: bytes | None, headers: Headers, schema: bytes | None) -> tuple[dict[str, Any], list[Warn]]:
        number = framing.schema_id(value)
        if number is not None and value is not None:
            return self._framed(number, value, schema)
        if self._form.format == "avro" and value:
            raise framing.not_framed(value, headers)
        kind = _media(headers) if self._form.format == "cloudevents" else None
        if kind and value:
            try:
                return of_media(value.decode("utf-8-sig"), kind), []
            except UnicodeDecodeError as error:
                raise InvalidRecord("invalid_utf8", f"byte {error.start}: {error.reason}") from None
        return parse_object(value)

    def _framed(self, number: int, value: bytes, schema: bytes | None) -> tuple[dict[str, Any], list[Warn]]:
        if self._form.registry is None:
            raise no_registry(number)
        if schema is None:
            raise framing.no_schema(number, self._form.registry)
        known, data = framing.unpack(schema), value[framing.HEADER_BYTES :]
        if known.kind == "JSON":
            return parse_object(data)
        if known.kind != "AVRO":
            raise framing.protobuf(number)
        from topics.inputs import avro  # 80 ms that only those pay who have Avro

        found = avro.decode(known, data)
        if not isinstance(found, dict):
            raise InvalidRecord("wrong_type", f"expected an Avro record, found {type(found).__name__}")
        return found, []

    def _article(self, content: Content, warnings: list[Warn], headers: Headers) -> Read:
        fields = dict(content.fields)
        if self._map:
            fields = self._map(fields)
        if content.deleted:
            fields["status"] = "canceled"
        said = fields.get("status")
        for name, value in self._defaults.items():
            fields[name] = fields.get(name) or value
        event = content.event or cloud_event(headers)
        try:
            article = article_of(fields, warnings, event=event, instant=self._moments)
        except InvalidRecord as error:
            raise self._explained(error, content) from None
        if article.status != "usable":
            return Read(article, tuple(warnings))
        missing = tuple(name for name in self._expected if not (said if name == "status" else getattr(article, name)))
        return Read(article, tuple(warnings), missing)

    def _explained(self, error: InvalidRecord, content: Content) -> InvalidRecord:
        """With what was looked for where: a map that points nowhere looks like news without text."""
        if content.deleted:
            return InvalidRecord(
                error.reason,
                "the deleted row names no article: neither id nor url is in `before` "
                "(PostgreSQL sends the whole row with REPLICA IDENTITY FULL)",
            )
        more = self._map.nowhere(content.fields) if self._map and error.reason == "no_text" else ""
        return InvalidRecord(error.reason, f"{error.message}. {more}") if more else error


def _media(headers: Headers) -> str | None:
    """The type of a CloudEvent's data in binary mode, where that is text."""
    for name, value in headers:
        if name.lower() == "content-type" and value and value.lower().startswith(_TEXT_TYPES):
            return value[:100].decode("ascii", "replace")
    return None


class Readers:
    """The reader of each topic: that of the first input that claims it, else one for plain records of our own."""

    def __init__(self, forms: Sequence[Form] = ()) -> None:
        self._readers = [(form, Reader(form)) for form in forms]
        self._plain = Reader(Form())
        self._known: dict[str, Reader] = {}

    def of(self, topic: str) -> Reader:
        reader = self._known.get(topic)
        if reader is None:
            reader = next((one for form, one in self._readers if form.claims(topic)), self._plain)
            self._known[topic] = reader
        return reader
