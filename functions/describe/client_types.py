"""Python types of JSON Schemas, as text: a TypedDict for each object, the built-in types for the rest."""

import keyword
import re
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
REF = "#/components/schemas/"
SIMPLE = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORD = re.compile(r"[A-Za-z0-9]+")


def pascal(name: str) -> str:
    return "".join(word[0].upper() + word[1:] for word in _WORD.findall(name))


def snake(name: str) -> str:
    """Return the name of a parameter: `applicationId` → `application_id`, `from` → `from_`."""
    text = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).replace("-", "_").lower()
    return f"{text}_" if keyword.iskeyword(text) else text


def referenced(schema: Any) -> Iterator[str]:
    """Yield the names of the components that a schema refers to directly."""
    if isinstance(schema, Mapping):
        if isinstance(reference := schema.get("$ref"), str) and reference.startswith(REF):
            yield reference.removeprefix(REF)
        for key, part in schema.items():
            if key not in ("examples", "example", "default"):
                yield from referenced(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from referenced(part)


def type_of(schema: Schema) -> str:
    """Return the type of a value."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(REF)
    if "const" in schema:
        return f"Literal[{schema['const']!r}]"
    if "enum" in schema:
        return f"Literal[{', '.join(map(repr, schema['enum']))}]"
    if "anyOf" in schema or "oneOf" in schema:
        return " | ".join(dict.fromkeys(map(type_of, schema.get("anyOf") or schema["oneOf"])))
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return type_of(schema["allOf"][0])
    kind = schema.get("type")
    if kind == "array":
        return f"list[{type_of(schema.get('items', {}))}]"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"dict[str, {type_of(values)}]" if isinstance(values, Mapping) else "dict[str, Any]"
    return SIMPLE.get(str(kind), "Any")


def definition(name: str, schema: Schema) -> str:
    """Return the definition of a component. Names of fields are those of the wire."""
    properties = schema.get("properties")
    if schema.get("type") != "object" or not properties:
        return f"{name}: TypeAlias = {_quoted(type_of(schema))}\n"
    required = schema.get("required", ())
    fields = {field: type_of(part) if field in required else f"NotRequired[{type_of(part)}]" for field, part in properties.items()}
    if all(_IDENTIFIER.fullmatch(field) and not keyword.iskeyword(field) for field in fields):
        docstring = [f'    """{_sentence(schema["description"])}"""\n'] if schema.get("description") else []
        return "\n".join([f"class {name}(TypedDict):", *docstring, *(f"    {field}: {type_}" for field, type_ in fields.items())]) + "\n"
    lines = "".join(f'        "{field}": {_quoted(type_)},\n' for field, type_ in fields.items())
    return f'{name} = TypedDict(\n    "{name}",\n    {{\n{lines}    }},\n)\n'


def _quoted(type_: str) -> str:
    return f'"{type_}"' if '"' not in type_ else f"'{type_}'"


def _sentence(description: str) -> str:
    return " ".join(description.split()).replace("\\", "\\\\").replace('"', "'")
