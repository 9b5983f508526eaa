"""Check whether documents written by one JSON Schema are accepted by another: the basis of the compatibility check.

    command, query   the new function must accept what old clients send
    event            new handlers must accept what is still in queues, and old handlers what is published now

The module knows the keywords that pydantic writes. Any other keyword that differs counts as a change. Existing libraries
do not fit: jsoncompat is alpha and misses changes, jsonsubschema supports only draft 4 and no recursive definitions.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from functions.kernel.values import MAX_INT32, MAX_TEXT_LENGTH, MIN_INT32

Schema = Mapping[str, Any]

LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
TECHNICAL = {"minimum": MIN_INT32, "maximum": MAX_INT32, "maxLength": MAX_TEXT_LENGTH}
"""Bounds of `functions.kernel.values`. Values beyond them fit no column and no arithmetic: they failed before there was a bound."""
SAME_OR_NONE = ("format", "pattern", "multipleOf", "uniqueItems", "contentMediaType", "contentEncoding")
STRUCTURE = frozenset(("type", "enum", "const", "properties", "required", "additionalProperties", "items", "prefixItems", "anyOf", "oneOf", "$ref"))
ANNOTATIONS = frozenset(
    ("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "discriminator", "$schema", "$id", "$defs")
)


def refusals(writer: Schema, reader: Schema) -> list[str]:
    """Return what the reader may reject of what the writer may write, each with a JSON pointer. Empty: compatible."""
    return list(_Comparison(writer.get("$defs", {}), reader.get("$defs", {})).compare(writer, reader, ""))


def removed_fields(before: Schema, after: Schema) -> list[str]:
    """Return fields that an event no longer has. Old readers may need them even if their schema does not require them."""
    removed = before.get("properties", {}).keys() - after.get("properties", {}).keys()
    return [f"/{name}: was removed" for name in sorted(removed)]


class _Comparison:
    def __init__(self, writer_definitions: Mapping[str, Schema], reader_definitions: Mapping[str, Schema]) -> None:
        self._writer_definitions = writer_definitions
        self._reader_definitions = reader_definitions
        self._in_progress: set[tuple[str, str]] = set()

    def compare(self, writer: Any, reader: Any, at: str) -> Iterator[str]:
        pair = (_reference(writer), _reference(reader))
        if all(pair):
            if pair in self._in_progress:
                return  # a recursive type
            self._in_progress.add(pair)
        choices = list(_choices(reader, self._reader_definitions))
        for choice in _choices(writer, self._writer_definitions):
            yield from self._compare_choice(choice, choices, at)
        self._in_progress.discard(pair)

    def _compare_choice(self, writer: Schema, choices: list[Schema], at: str) -> Iterator[str]:
        """One of the reader's choices must accept the writer's."""
        closest: list[str] | None = None
        for reader in choices:
            reasons = list(self._compare_plain(writer, reader, at))
            if not reasons:
                return
            if (len(choices) == 1 or writer.get("type") == reader.get("type")) and (closest is None or len(reasons) < len(closest)):
                closest = reasons
        yield from closest or [f"{at or '/'}: may be {_type_name(writer)}, which is not accepted"]

    def _compare_plain(self, writer: Schema, reader: Schema, at: str) -> Iterator[str]:
        where = at or "/"
        written, accepted = writer.get("type"), reader.get("type")
        if accepted is not None and written != accepted and (written, accepted) != ("integer", "number"):
            yield f"{where}: is {_type_name(writer)}, and only {accepted} is accepted"
            return
        yield from _values(writer, reader, where)
        yield from _bounds(writer, reader, where)
        for keyword in SAME_OR_NONE:
            if keyword in reader and reader[keyword] != writer.get(keyword) and not _is_enumerated(writer):
                yield f"{where}: must have {keyword} {reader[keyword]!r}"
        for keyword in reader.keys() - STRUCTURE - ANNOTATIONS - {*LOWER, *UPPER, *SAME_OR_NONE}:
            if not keyword.startswith("x-") and reader[keyword] != writer.get(keyword):
                yield f"{where}: {keyword} has changed"
        yield from self._fields(writer, reader, at)
        yield from self._elements(writer, reader, at)

    def _fields(self, writer: Schema, reader: Schema, at: str) -> Iterator[str]:
        written, read = writer.get("properties", {}), reader.get("properties", {})
        for name in reader.get("required", ()):
            if name not in writer.get("required", ()):
                yield f"{at}/{name}: is required, and may be missing"
        extra = reader.get("additionalProperties", True)
        for name, schema in written.items():
            if name in read:
                yield from self.compare(schema, read[name], f"{at}/{name}")
            elif extra is False:
                yield f"{at}/{name}: is unknown"
            elif isinstance(extra, Mapping):
                yield from self.compare(schema, extra, f"{at}/{name}")
        written_extra = writer.get("additionalProperties")
        if isinstance(written_extra, Mapping) and isinstance(extra, Mapping):
            yield from self.compare(written_extra, extra, f"{at}/*")
        elif written_extra not in (None, False) and extra is False:
            yield f"{at or '/'}: may have any field, and only the declared ones are accepted"

    def _elements(self, writer: Schema, reader: Schema, at: str) -> Iterator[str]:
        for place, schema in enumerate(reader.get("prefixItems", ())):
            written = writer.get("prefixItems", ())
            yield from self.compare(written[place] if place < len(written) else writer.get("items", {}), schema, f"{at}/{place}")
        if "items" in reader and writer.get("type") == "array":
            yield from self.compare(writer.get("items", {}), reader["items"], f"{at}/*")


def _reference(schema: Any) -> str:
    return str(schema.get("$ref", "")) if isinstance(schema, Mapping) else ""


def _choices(schema: Any, definitions: Mapping[str, Schema]) -> Iterator[Schema]:
    """Yield the alternatives of a schema, without references."""
    if schema is True or schema is None:
        schema = {}
    if schema is False:
        return
    if "$ref" in schema:
        yield from _choices(definitions[str(schema["$ref"]).rsplit("/", 1)[-1]], definitions)
    elif alternatives := schema.get("anyOf") or schema.get("oneOf"):
        for choice in alternatives:
            yield from _choices(choice, definitions)
    elif isinstance(schema.get("type"), list):
        for type in schema["type"]:
            yield {**schema, "type": type}
    else:
        yield schema


def _is_enumerated(schema: Schema) -> bool:
    return "enum" in schema or "const" in schema


def _allowed(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _values(writer: Schema, reader: Schema, where: str) -> Iterator[str]:
    accepted, written = _allowed(reader), _allowed(writer)
    if accepted is None:
        return
    if written is None:
        yield f"{where}: may be anything, and only {', '.join(map(repr, accepted))} is accepted"
        return
    if rejected := [value for value in written if value not in accepted]:
        yield f"{where}: may be {', '.join(map(repr, rejected))}, which is not accepted"


def _bounds(writer: Schema, reader: Schema, where: str) -> Iterator[str]:
    for keyword in LOWER:
        if _is_technical(writer, reader, keyword):
            continue
        if keyword in reader and not _is_enumerated(writer) and writer.get(keyword, float("-inf")) < reader[keyword]:
            yield f"{where}: {keyword} is {reader[keyword]}, and was {writer.get(keyword, 'none')}"
    for keyword in UPPER:
        if _is_technical(writer, reader, keyword):
            continue
        if keyword in reader and not _is_enumerated(writer) and writer.get(keyword, float("inf")) > reader[keyword]:
            yield f"{where}: {keyword} is {reader[keyword]}, and was {writer.get(keyword, 'none')}"


def _is_technical(writer: Schema, reader: Schema, keyword: str) -> bool:
    """Whether the first bound of a field excludes only what no function could ever accept."""
    if keyword not in TECHNICAL or keyword in writer or keyword not in reader:
        return False
    return bool(reader[keyword] <= TECHNICAL[keyword] if keyword in LOWER else reader[keyword] >= TECHNICAL[keyword])


def _type_name(schema: Schema) -> str:
    if _is_enumerated(schema):
        return f"one of {', '.join(map(repr, _allowed(schema) or ()))}"
    return str(schema.get("type", "anything"))
