"""The generated Python client: types of schemas, and one method for every operation of the reference."""

import ast
import inspect
from typing import Any

import pytest
import yaml

from cli.api import Api
from cli.api.transport import Operations
from functions.describe.client_types import definition, pascal, snake, type_of
from tests.generated.kinds import PROJECT


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "format": "uuid"}, "str"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}, "int | None"),
        ({"enum": ["a", "b"], "type": "string"}, "Literal['a', 'b']"),
        ({"const": "MB", "type": "string"}, "Literal['MB']"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Row"}}, "list[Row]"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "dict[str, float]"),
        ({"type": "object"}, "dict[str, Any]"),
        ({}, "Any"),
    ],
)
def test_the_type_of_a_schema(schema: dict[str, Any], expected: str) -> None:
    assert type_of(schema) == expected


def test_a_field_named_by_a_keyword_needs_another_form() -> None:
    schema = {"type": "object", "properties": {"from": {"type": "string"}, "to": {"type": "string"}}, "required": ["from"]}
    [tree] = ast.parse(definition("Period", schema)).body
    assert isinstance(tree, ast.Assign) and ast.unparse(tree.value) == "TypedDict('Period', {'from': 'str', 'to': 'NotRequired[str]'})"


def test_names_of_parameters_and_types() -> None:
    assert (snake("applicationId"), snake("from"), pascal("change_member_role")) == ("application_id", "from_", "ChangeMemberRole")


class RecordingTransport:
    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def request(self, method: str, path: str, *rest: Any, **named: Any) -> Any:
        self.calls.append((method, path))
        return self

    content = b"{}"

    def json(self) -> dict[str, Any]:
        return {"items": []}


def test_every_operation_of_the_reference_has_a_method_that_calls_its_route() -> None:
    document = yaml.load((PROJECT / "schemas/openapi.yaml").read_text(), yaml.CSafeLoader)
    transport = RecordingTransport()
    api = Api(transport)
    expected, streams = set(), list[str]()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "*/*" in operation.get("requestBody", {}).get("content", {}):
                continue  # webhooks
            if any("text/event-stream" in response.get("content", {}) for response in operation["responses"].values()):
                streams.append(operation["operationId"])
                continue
            expected.add((method.upper(), path))
            is_gateway = operation["tags"] == ["gateway"]
            context, _, name = ("gateway", "", operation["operationId"]) if is_gateway else operation["operationId"].partition("_")
            call = getattr(getattr(api, context), name)
            parameters = inspect.signature(call).parameters.values()
            needed = {each.name: f"{{{each.name}}}" for each in parameters if each.default is each.empty and each.name != "body"}
            with_body = {"body": {}} if any(each.name == "body" for each in parameters) else {}
            transport.calls.clear()
            call(**needed, **with_body)
            [(sent_method, sent_path)] = transport.calls
            names = [word[1:-1] for word in path.split("/") if word.startswith("{")]
            for wire_name in names:
                sent_path = sent_path.replace(f"%7B{snake(wire_name)}%7D", f"{{{wire_name}}}")
            assert (sent_method, sent_path) == (method.upper(), path), operation["operationId"]
    assert len(expected) > 150
    contexts = ("auth", "billing", "deploy", "monitor")
    assert sorted(streams) == [f"{context}_operation_events" for context in contexts]
    assert not any(hasattr(getattr(api, context), "operation_events") for context in contexts), "they would end with the stream only"


def test_a_list_is_iterated_over_its_pages() -> None:
    pages = {None: {"items": [1, 2], "next": "b"}, "b": {"items": [3], "next": None}}

    class Paged(RecordingTransport):
        def request(self, method: str, path: str, body: Any = None, query: Any = None, idempotency_key: Any = None) -> Any:
            self.page = pages[query["cursor"]]
            return self

        def json(self) -> dict[str, Any]:
            return self.page

    assert list(Operations(Paged())._items("/v1/things", {"limit": 2, "cursor": None})) == [1, 2, 3]


def test_the_example_of_the_documentation_calls_methods_with_their_parameters() -> None:
    text = (PROJECT / "docs/api.md").read_text()
    example = text.partition("```python\n")[2].partition("```")[0]
    for node in ast.walk(ast.parse(example)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func).startswith("api."):
            _, context, name = ast.unparse(node.func).split(".")
            signature = inspect.signature(getattr(getattr(Api(RecordingTransport()), context), name))
            signature.bind(*node.args, **{each.arg: each.value for each in node.keywords if each.arg})
