"""What the gateway answers by itself besides probes: the API's description and a page to read it, the page behind the link in a mail, and a
page for each problem type.

The API's description is the generated `schemas/openapi.yaml`, read when first asked for. The pages are rendered here and load nothing: no script, no
font, nothing of anybody else's. The page behind the mail's link asks for one click, because mail scanners open links and must not verify anybody.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import yaml
from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.datastructures import Headers

import functions
from functions.edge.gateway.problems import NO_ROUTE, OWN, Documented, Problem, ProblemType
from functions.edge.gateway.responses import JSON, NOTHING_LOADS, REVALIDATED, Answer, etag_of, json_answer, page, unchanged
from functions.edge.gateway.routing import Route, Table
from functions.kernel import Conflict, Forbidden, Gone, NotFound, PaymentRequired, Rejection
from functions.runtime.config.registry import Registry
from functions.runtime.execution.failures import InternalError
from functions.runtime.execution.function import AnswerNotKept, KeyReused

PROBES = ("/livez", "/readyz", "/health", "/healthz")
VERIFY_PATH = "/v1/users/verify"
OPENAPI = Path(functions.__file__).parent.parent / "schemas" / "openapi.yaml"
SHARED = (Conflict, Forbidden, Gone, NotFound, PaymentRequired, InternalError, KeyReused, AnswerNotKept)  # of no function in particular
FORM_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"


class Pages:
    def __init__(self, registry: Registry, table: Table) -> None:
        self._declarations = registry.declarations
        self.verification: Route | None = table.find(VERIFY_PATH)[0].get("POST")
        self._fixed: Mapping[str, Callable[[Mapping[str, str], Headers], Answer]] = {
            "/": self._index,
            "/docs": lambda query, headers: page(self._docs),
            "/openapi.json": lambda query, headers: _cached(self._openapi_json, JSON, headers),
            "/openapi.yaml": lambda query, headers: _cached(self._openapi_yaml, (b"content-type", b"application/yaml"), headers),
            "/problems": self._problem_list,
            **({"/verify": self._verify} if self.verification else {}),
        }

    def has(self, path: str) -> bool:
        return path in self._fixed or path in PROBES or path.startswith("/problems/") or (path == "/verify" and self.verification is not None)

    def answer(self, path: str, query: Mapping[str, str], headers: Headers) -> Answer:
        """Raises Problem 404."""
        fixed = self._fixed.get(path)
        return fixed(query, headers) if fixed else self._problem(path.removeprefix("/problems/"), headers)

    # -- rendered once, when first asked for: a gateway that nobody reads holds none of it ---------------------------------

    @cached_property
    def _templates(self) -> Environment:
        return Environment(loader=PackageLoader("functions.edge.gateway"), autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True)

    @cached_property
    def _document(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.load(self._openapi_yaml, Loader=yaml.CSafeLoader)
        return found

    @cached_property
    def _openapi_json(self) -> bytes:
        return orjson.dumps(self._document)

    @cached_property
    def _openapi_yaml(self) -> bytes:
        return OPENAPI.read_bytes()

    @cached_property
    def _docs(self) -> str:
        return self._templates.get_template("docs.html").render(api=self._document, groups=_groups(self._document))

    @cached_property
    def _problems(self) -> Mapping[str, Documented]:
        found = {slug: Documented(kind) for slug, kind in OWN.items()}
        named: list[tuple[type[Rejection], str]] = [(rejection, "") for rejection in SHARED]
        named += [(rejection, declaration.name) for declaration in self._declarations for rejection in declaration.rejects]
        for rejection, function in named:
            slug = rejection.slug()
            known = found.setdefault(slug, Documented(_type_of(rejection)))
            found[slug] = Documented(known.kind, sorted({*known.functions, *([function] if function else [])}))
        return dict(sorted(found.items()))

    # -- pages ---------------------------------------------------------------------------------------------------------------

    def _index(self, query: Mapping[str, str], headers: Headers) -> Answer:
        links = {"docs": "/docs", "openapi": "/openapi.json", "problems": "/problems", "health": "/health"}
        if _wants_html(headers):
            return page(self._templates.get_template("index.html").render(links=links, version=version("capsule")))
        return json_answer({"service": "capsule", "version": version("capsule"), "links": links})

    def _problem_list(self, query: Mapping[str, str], headers: Headers) -> Answer:
        if _wants_html(headers):
            return page(self._templates.get_template("problems.html").render(problems=self._problems.values()))
        return json_answer([_as_json(problem) for problem in self._problems.values()])

    def _problem(self, slug: str, headers: Headers) -> Answer:
        found = self._problems.get(slug)
        if found is None:
            raise Problem(NO_ROUTE, f"There is no problem type {slug!r}.")
        if _wants_html(headers):
            return page(self._templates.get_template("problems.html").render(problems=[found]))
        return json_answer(_as_json(found))

    def _verify(self, query: Mapping[str, str], headers: Headers) -> Answer:
        """The fields of the link's query become the form's."""
        assert self.verification is not None
        fields = {name: query.get(name, "") for name in sorted(self.verification.rest)}
        return page(self._templates.get_template("verify.html").render(fields=fields, missing=not all(fields.values())), policy=FORM_POLICY)

    def verified(self, answer: Answer) -> Answer:
        """The command's answer as a page, with its status."""
        problem = orjson.loads(answer.body) if answer.status_code >= 400 else None
        shown = page(self._templates.get_template("verified.html").render(problem=problem), answer.status_code if problem else 200)
        for name, value in answer.raw_headers:
            if name == b"retry-after":
                shown.raw_headers.append((name, value))
        return shown


def _cached(body: bytes, kind: tuple[bytes, bytes], headers: Headers) -> Answer:
    etag = etag_of(body)
    fields = [kind, REVALIDATED, NOTHING_LOADS, (b"etag", etag.encode())]
    return Answer(304, b"", fields) if unchanged(headers.get("if-none-match"), etag) else Answer(200, body, fields)


def _wants_html(headers: Headers) -> bool:
    return "text/html" in headers.get("accept", "")


def _type_of(rejection: type[Rejection]) -> ProblemType:
    words = (rejection.__doc__ or rejection.title()).strip().splitlines()
    explanation = " ".join(line.strip() for line in words[1:] if line.strip()) or rejection.title() + "."
    return ProblemType(rejection.slug(), rejection.status, rejection.title(), explanation)


def _as_json(problem: Documented) -> dict[str, Any]:
    kind = problem.kind
    return {"type": kind.uri, "status": kind.status, "title": kind.title, "explanation": kind.explanation, "functions": list(problem.functions)}


def _groups(document: dict[str, Any]) -> Sequence[tuple[str, str, Sequence[dict[str, Any]]]]:
    """Tag, its description, its operations with path and method, and the fields of what each takes and gives."""
    schemas = document["components"]["schemas"]
    found: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            success: dict[str, Any] = next((r for status, r in operation["responses"].items() if status.startswith("2")), {})
            given = success.get("content", {}).get("application/json", {}).get("schema")
            shown = {**operation, "path": path, "method": method.upper(), "takes": _fields(body, schemas), "gives": _fields(given, schemas)}
            shown["problems"] = [(status, _said(answer, document)) for status, answer in operation["responses"].items() if status >= "4"]
            shown["parameters"] = [(p, _type_in_words(p["schema"], schemas)) for p in operation.get("parameters", []) if "name" in p]
            found.setdefault(operation["tags"][0], []).append(shown)
    about = {tag["name"]: tag.get("description", "") for tag in document["tags"]}
    return [(tag, about.get(tag, ""), operations) for tag, operations in found.items()]


def _said(answer: Mapping[str, str], document: Mapping[str, Any]) -> str:
    whole = document["components"]["responses"][answer["$ref"].rsplit("/", 1)[-1]] if "$ref" in answer else answer
    return str(whole["description"])


def _fields(schema: dict[str, Any] | None, schemas: Mapping[str, Any]) -> list[tuple[str, str, bool, str]]:
    """(name, type, required, description) of an object's fields."""
    if not schema:
        return []
    whole = schemas[schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema
    required, properties = whole.get("required", []), whole.get("properties", {})
    return [(name, _type_in_words(part, schemas), name in required, str(part.get("description", ""))) for name, part in properties.items()]


def _type_in_words(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        return _type_in_words(schemas[name], schemas) if "enum" in schemas[name] else name
    if "anyOf" in schema:
        return " or ".join(_type_in_words(choice, schemas) for choice in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f'"{value}"' for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type_in_words(schema.get('items', {}), schemas)}"
    return str(schema.get("format") or schema.get("type") or "anything")
