"""The reference at `/docs`: every operation with samples that run, users' topics first, common errors once, and nothing that is loaded."""

import re
from base64 import b64encode
from collections import defaultdict
from hashlib import sha256
from typing import Any

import httpx

from cli.api import Api
from functions.edge.gateway import documentation, problems
from functions.edge.gateway.routing import route_of
from functions.runtime.config.registry import Registry
from tests.gateway.shop import open_shop


async def test_the_documentation_shows_every_operation_with_a_sample() -> None:
    shop = open_shop()
    response = await shop.client.get("/docs")
    document = (await shop.client.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert f'id="{operation["operationId"]}"' in response.text, path
            assert f'href="#{operation["operationId"]}"' in response.text, "the index links to it"
            sample = f"curl -sS {'' if method == 'get' else f'-X {method.upper()} '}&#34;$CAPSULE_API{path.partition('{')[0]}"
            assert sample in response.text, path


async def test_the_documentation_loads_nothing() -> None:
    shop = open_shop()
    response = await shop.client.get("/docs")
    text = re.sub(r'<a href="http://dashboard[^"]*">', "", response.text)  # a link loads nothing
    assert not re.search(r"""(src|href|action)\s*=\s*["']?\s*(\w+:|//)|url\(|@import|<(link|img|iframe|object)\b""", text.partition("<script>")[0])
    policy = response.headers["content-security-policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", response.text, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; script-src 'sha256-{digest}'; connect-src 'self'"


async def test_operators_endpoints_come_after_those_of_users() -> None:
    document = (await open_shop().client.get("/openapi.json")).json()
    groups = documentation.groups(document)
    assert [group.topic.slug for group in groups][-2:] == ["operations", "gateway"]
    for group in groups:
        for operation in group.operations:
            permission = document["paths"][operation.path][operation.method.lower()].get("x-permission")
            assert permission != "admin" or group.topic.slug == "operations", operation.path
            assert "Requires the" not in operation.description, "the badge says it"


async def test_every_operation_has_a_sample_of_the_python_client_that_runs() -> None:
    """Streams of events and webhooks that others sign have no method."""
    document, sent = (await open_shop().client.get("/openapi.json")).json(), []

    class Recorder:
        def request(self, method: str, path: str, body: Any = None, query: Any = None, idempotency_key: str | None = None) -> httpx.Response:
            sent.append((method, path))
            return httpx.Response(200, json={"items": [], "next": None})

    names = defaultdict(lambda: "x")
    names["api"], names["print"] = Api(Recorder()), lambda *values: None
    for group in documentation.groups(document):
        for operation in group.operations:
            if operation.python is None:
                assert operation.path.endswith(("/events", "/stripe", "/ses", "/livez", "/readyz", "/health")), operation.path
                continue
            exec(compile(operation.python, operation.id, "exec"), {"__builtins__": {}}, names)
            expected = re.sub(r"{\w+}", "x", operation.path)
            assert sent[-1][0] == operation.method and re.fullmatch(re.escape(expected), sent[-1][1]), operation.python


async def test_an_operation_lists_only_its_own_errors() -> None:
    document = (await open_shop().client.get("/openapi.json")).json()
    (register,) = [operation for group in documentation.groups(document) for operation in group.operations if operation.id == "auth_register"]
    assert {slug for _, slug, _ in register.errors} == {"invalid-email", "weak-password"}
    assert {slug for _, slug, _ in documentation.common_errors()} == {*problems.OWN, "key-reused", "forbidden"}


async def test_the_quickstart_has_five_valid_calls() -> None:
    document = (await open_shop().client.get("/openapi.json")).json()
    calls = documentation.quickstart(document)
    assert len(calls) == 5
    assert not [call for call in calls if "{" in call.command.partition("--data")[0]], "every path parameter is a variable"
    by_name = Registry.load().by_name
    variables = {"APPLICATION_ID": "019a2f6e-6c52-7a3f-9d53-3c1f0f5f1c9e"}
    for step in documentation.QUICKSTART:
        declaration = by_name[step.operation_id.replace("_", ".", 1)]
        route = route_of(declaration)
        assert route is not None and declaration.input is not None
        declaration.input.model_validate({**(step.body or {}), **{name: variables["APPLICATION_ID"] for name in route.path_names}})
        if step.field:
            fields = declaration.output.model_fields
            assert step.field in {info.alias or name for name, info in fields.items()}
