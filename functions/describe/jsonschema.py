"""Generate one JSON Schema for each event, command and query, for consumers of queues and Triggers."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from functions.describe.catalog import Catalog
from functions.kernel import Kind

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDERS = {Kind.COMMAND: "commands", Kind.QUERY: "queries"}


def documents(catalog: Catalog) -> Mapping[str, dict[str, Any]]:
    """Return path below `schemas/` → schema."""
    schemas: dict[str, dict[str, Any]] = {}
    for event in catalog.events:
        schemas[f"events/{event.type}.json"] = _schema(event, event.type, {"x-version": event.version, "x-subject": _subject(event)})
    for declaration in catalog.called:
        if declaration.input is not None:
            schemas[f"{FOLDERS[declaration.kind]}/{declaration.name}.json"] = _schema(
                declaration.input, declaration.name, {"x-version": declaration.version}
            )
    return schemas


def _subject(event: Any) -> str | None:
    return None if event.subject is None else event.model_fields[event.subject].alias or event.subject


def _schema(model: type[BaseModel], name: str, extensions: Mapping[str, Any]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    known = {key: value for key, value in extensions.items() if value is not None}
    return {"$schema": DIALECT, "$id": f"urn:capsule:{name}", **known, **schema}
