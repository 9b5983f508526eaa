"""Whether one who reads by one JSON Schema may refuse what another writes by another: the question behind every compatibility gate.

    a command or query   today's function must take what yesterday's client sends
    an event             today's handler must take what still lies in a queue, and yesterday's handler what is stated today

`refusals(writer, reader)` is that question; both rules are made of it. Pure and small on purpose: it knows the keywords that pydantic writes, and of
a keyword that it does not know it says that it has changed, when it has. (The libraries there are: jsoncompat says of itself that it is alpha and
misses changes, jsonsubschema stops at draft 4 and at recursive definitions.)
"""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
SAME_OR_NONE = ("format", "pattern", "multipleOf", "uniqueItems", "contentMediaType", "contentEncoding")
STRUCTURE = frozenset(("type", "enum", "const", "properties", "required", "additionalProperties", "items", "prefixItems", "anyOf", "oneOf", "$ref"))
WORDS = frozenset(("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "discriminator", "$schema", "$id", "$defs"))


def refusals(writer: Schema, reader: Schema) -> list[str]:
    """What a reader may not take of what a writer may write; each with a JSON pointer. Empty: everything is taken."""
    return list(_Comparison(writer.get("$defs", {}), reader.get("$defs", {})).of(writer, reader, ""))


def vanished(before: Schema, after: Schema) -> list[str]:
    """Fields of an event that are stated no more: older readers look for them, even where their schema would do without."""
    gone = before.get("properties", {}).keys() - after.get("properties", {}).keys()
    return [f"/{name}: is stated no more" for name in sorted(gone)]


class _Comparison:
    def __init__(self, written: Mapping[str, Schema], read: Mapping[str, Schema]) -> None:
        self._written = written
        self._read = read
        self._under_way: set[tuple[str, str]] = set()

    def of(self, writer: Any, reader: Any, at: str) -> Iterator[str]:
        pair = (_reference(writer), _reference(reader))
        if all(pair):
            if pair in self._under_way:
                return  # a recursive type: it is being compared already
            self._under_way.add(pair)
        choices = list(_choices(reader, self._read))
        for choice in _choices(writer, self._written):
            yield from self._one(choice, choices, at)
        self._under_way.discard(pair)

    def _one(self, writer: Schema, choices: list[Schema], at: str) -> Iterator[str]:
        """The writer's choice must be taken by one of the reader's."""
        closest: list[str] | None = None
        for reader in choices:
            reasons = list(self._plain(writer, reader, at))
            if not reasons:
                return
            if (len(choices) == 1 or writer.get("type") == reader.get("type")) and (closest is None or len(reasons) < len(closest)):
                closest = reasons
        yield from closest or [f"{at or '/'}: may be {_named(writer)}, which is not taken"]

    def _plain(self, writer: Schema, reader: Schema, at: str) -> Iterator[str]:
        where = at or "/"
        given, taken = writer.get("type"), reader.get("type")
        if taken is not None and given != taken and (given, taken) != ("integer", "number"):
            yield f"{where}: is {_named(writer)}, and {taken} is taken"
            return
        yield from _values(writer, reader, where)
        yield from _bounds(writer, reader, where)
        for keyword in SAME_OR_NONE:
            if keyword in reader and reader[keyword] != writer.get(keyword) and not _finite(writer):
                yield f"{where}: must have {keyword} {reader[keyword]!r}"
        for keyword in reader.keys() - STRUCTURE - WORDS - {*LOWER, *UPPER, *SAME_OR_NONE}:
            if not keyword.startswith("x-") and reader[keyword] != writer.get(keyword):
                yield f"{where}: {keyword} has changed"
        yield from self._fields(writer, reader, at)
        yield from self._elements(writer, reader, at)

    def _fields(self, writer: Schema, reader: Schema, at: str) -> Iterator[str]:
        written, read = writer.get("properties", {}), reader.get("properties", {})
        for name in reader.get("required", ()):
            if name not in writer.get("required", ()):
                yield f"{at}/{name}: is required, and may be missing"
        more = reader.get("additionalProperties", True)
        for name, schema in written.items():
            if name in read:
                yield from self.of(schema, read[name], f"{at}/{name}")
            elif more is False:
                yield f"{at}/{name}: is not known"
            elif isinstance(more, Mapping):
                yield from self.of(schema, more, f"{at}/{name}")
        rest = writer.get("additionalProperties")
        if isinstance(rest, Mapping) and isinstance(more, Mapping):
            yield from self.of(rest, more, f"{at}/*")
        elif rest not in (None, False) and more is False:
            yield f"{at or '/'}: any field may be there, and none but the named ones is taken"

    def _elements(self, writer: Schema, reader: Schema, at: str) -> Iterator[str]:
        for place, schema in enumerate(reader.get("prefixItems", ())):
            written = writer.get("prefixItems", ())
            yield from self.of(written[place] if place < len(written) else writer.get("items", {}), schema, f"{at}/{place}")
        if "items" in reader and writer.get("type") == "array":
            yield from self.of(writer.get("items", {}), reader["items"], f"{at}/*")


def _reference(schema: Any) -> str:
    return str(schema.get("$ref", "")) if isinstance(schema, Mapping) else ""


def _choices(schema: Any, definitions: Mapping[str, Schema]) -> Iterator[Schema]:
    """The plain schemas that it is one of."""
    if schema is True or schema is None:
        schema = {}
    if schema is False:
        return
    if "$ref" in schema:
        yield from _choices(definitions[str(schema["$ref"]).rsplit("/", 1)[-1]], definitions)
    elif found := schema.get("anyOf") or schema.get("oneOf"):
        for choice in found:
            yield from _choices(choice, definitions)
    elif isinstance(schema.get("type"), list):
        for type in schema["type"]:
            yield {**schema, "type": type}
    else:
        yield schema


def _finite(schema: Schema) -> bool:
    return "enum" in schema or "const" in schema


def _allowed(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _values(writer: Schema, reader: Schema, where: str) -> Iterator[str]:
    taken, given = _allowed(reader), _allowed(writer)
    if taken is None:
        return
    if given is None:
        yield f"{where}: may be anything, and only {', '.join(map(repr, taken))} is taken"
        return
    if refused := [value for value in given if value not in taken]:
        yield f"{where}: may be {', '.join(map(repr, refused))}, which is not taken"


def _bounds(writer: Schema, reader: Schema, where: str) -> Iterator[str]:
    for keyword in LOWER:
        if keyword in reader and not _finite(writer) and writer.get(keyword, float("-inf")) < reader[keyword]:
            yield f"{where}: {keyword} is {reader[keyword]}, and was {writer.get(keyword, 'none')}"
    for keyword in UPPER:
        if keyword in reader and not _finite(writer) and writer.get(keyword, float("inf")) > reader[keyword]:
            yield f"{where}: {keyword} is {reader[keyword]}, and was {writer.get(keyword, 'none')}"


def _named(schema: Schema) -> str:
    if _finite(schema):
        return f"one of {', '.join(map(repr, _allowed(schema) or ()))}"
    return str(schema.get("type", "anything"))
