"""The generated documents are valid by their standards and agree with the declarations."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from functions.describe.catalog import Catalog
from functions.edge.gateway.routing import route_of, routes_of
from functions.kernel import Declaration, Kind
from functions.runtime.config.registry import Registry
from tests.generated.kinds import PROJECT

SCHEMAS = PROJECT / "schemas"
DECLARATIONS = Registry.load().declarations
ROUTED = [declaration for declaration in DECLARATIONS if declaration.route]


def load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load((SCHEMAS / name).read_text(), yaml.CSafeLoader)
    return document


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    return load("openapi.yaml")


@pytest.fixture(scope="module")
def asyncapi() -> dict[str, Any]:
    return load("asyncapi.yaml")


def operation(openapi: dict[str, Any], declaration: Declaration) -> dict[str, Any]:
    route = route_of(declaration)
    assert route is not None
    found: dict[str, Any] = openapi["paths"][route.path][route.method.lower()]
    return found


def test_openapi_is_valid(openapi: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(openapi).iter_errors()] == []


def test_openapi_has_every_route_and_no_other(openapi: dict[str, Any]) -> None:
    operation_ids = {found["operationId"] for path in openapi["paths"].values() for found in path.values() if not found.get("deprecated")}
    assert operation_ids == {declaration.name.replace(".", "_") for declaration in ROUTED} | {"livez", "readyz", "health"}


def test_openapi_marks_every_former_version_as_deprecated(openapi: dict[str, Any]) -> None:
    former = {route.key for declaration in ROUTED for route in routes_of(declaration) if route.former is not None}
    deprecated = {
        f"{method.upper()} {path}" for path, methods in openapi["paths"].items() for method, found in methods.items() if found.get("deprecated")
    }
    assert deprecated == former and former


@pytest.mark.parametrize("declaration", ROUTED, ids=lambda declaration: declaration.name)
def test_an_operation_agrees_with_its_declaration(openapi: dict[str, Any], declaration: Declaration) -> None:
    found = operation(openapi, declaration)
    responses = found["responses"]
    assert str(declaration.status) in responses
    for rejection in declaration.rejects:
        examples = responses[str(rejection.status)]["content"]["application/problem+json"]["examples"]
        assert examples[rejection.slug()]["summary"] == rejection.title()
    assert ("401" in responses) == (not declaration.allow.anyone or any(rejection.status == 401 for rejection in declaration.rejects))
    if declaration.kind is Kind.COMMAND:
        assert {"$ref": "#/components/parameters/IdempotencyKey"} in found["parameters"]
    assert declaration.input is not None
    in_path = {parameter["name"] for parameter in found.get("parameters", []) if parameter.get("in") == "path"}
    assert all(f"{{{name}}}" in str(route_of(declaration)) for name in in_path)


@pytest.mark.parametrize("declaration", [d for d in ROUTED if d.secret_fields], ids=lambda declaration: declaration.name)
def test_a_secret_is_write_only(openapi: dict[str, Any], declaration: Declaration) -> None:
    schema = operation(openapi, declaration)["requestBody"]["content"]["application/json"]["schema"]
    resolved = openapi["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema
    for name in declaration.secret_fields:
        field = resolved["properties"][route_alias(declaration, name)]
        texts = [each for each in field.get("anyOf", [field]) if each["type"] != "null"]  # a secret that may be left out can be null
        assert all(each.get("writeOnly") is True for each in texts)


def route_alias(declaration: Declaration, name: str) -> str:
    assert declaration.input is not None
    return declaration.input.model_fields[name].alias or name


def test_every_reference_resolves(openapi: dict[str, Any], asyncapi: dict[str, Any]) -> None:
    for document in (openapi, asyncapi):
        found = list(references(document))
        assert found
        for reference in found:
            place: Any = document
            for step in reference.removeprefix("#/").split("/"):
                place = place[step.replace("~1", "/").replace("~0", "~")]


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for inner in value.values() for found in references(inner)]
    return [found for inner in value for found in references(inner)] if isinstance(value, list) else []


def test_schema_names_are_readable(openapi: dict[str, Any], asyncapi: dict[str, Any]) -> None:
    for document in (openapi, asyncapi):
        assert [name for name in document["components"]["schemas"] if "__" in name or name.endswith("_") or "-" in name] == []


def asyncapi_validator() -> jsonschema_rs.Draft7Validator:
    schema = json.loads((Path(__file__).parent / "asyncapi-3.0.0.schema.json").read_text())
    return jsonschema_rs.Draft7Validator(schema)


def test_asyncapi_is_valid(asyncapi: dict[str, Any]) -> None:
    assert [error.message[:300] for error in asyncapi_validator().iter_errors(asyncapi)] == []


def test_the_asyncapi_schema_rejects_an_unknown_field(asyncapi: dict[str, Any]) -> None:
    channels = {**asyncapi["channels"], "dlx": {**asyncapi["channels"]["dlx"], "adress": "x"}}
    assert list(asyncapi_validator().iter_errors({**asyncapi, "channels": channels}))


def test_asyncapi_has_every_function_and_event(asyncapi: dict[str, Any]) -> None:
    catalog = Catalog.of(DECLARATIONS)
    receivers = {declaration.name for declaration in catalog.declarations if declaration.kind is not Kind.SCHEDULE}
    assert receivers <= set(asyncapi["operations"])
    assert set(asyncapi["channels"]) == {"capsule.commands", "capsule.events", "capsule.replies", "dlx"}
    assert set(asyncapi["channels"]["capsule.events"]["messages"]) == {event.type for event in catalog.events}
    for event in catalog.events:
        senders = {f"{declaration.name}.emits" for declaration in catalog.publishers[event.type]}
        assert senders <= set(asyncapi["operations"])


def test_header_names_are_lower_case_letters_and_digits(asyncapi: dict[str, Any]) -> None:
    for kind in ("Command", "Event", "Reply"):
        names = set(asyncapi["components"]["schemas"][f"{kind}Headers"]["properties"]) - {"content-type"}
        assert all(name.isalnum() and name == name.lower() for name in names)


@pytest.mark.parametrize("file", sorted(SCHEMAS.rglob("*.json")), ids=lambda file: file.relative_to(SCHEMAS).as_posix())
def test_a_json_schema_is_valid_and_has_an_id(file: Path) -> None:
    schema = json.loads(file.read_text())
    jsonschema_rs.meta.validate(schema)
    assert schema["$id"] == f"urn:capsule:{file.stem}"
    jsonschema_rs.Draft202012Validator(schema)


@pytest.mark.parametrize("event", Catalog.of(DECLARATIONS).events, ids=lambda event: event.type)
def test_every_handled_event_has_a_publisher(event: Any) -> None:
    catalog = Catalog.of(DECLARATIONS)
    is_external = event.__module__ == "events.cluster"
    if catalog.subscribers[event.type]:
        assert is_external or catalog.publishers[event.type], f"no function emits {event.type}, but {catalog.subscribers[event.type]} handle it"
