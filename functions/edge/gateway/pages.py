"""The gateway's own pages: start page, API documentation, problem types, and the pages behind links in e-mails (`forms`).

The API's description is the generated `schemas/openapi.yaml`, read on first use. Pages load nothing from elsewhere; the
one script is inline, and its hash is in the Content-Security-Policy. It sends requests to this gateway only, with a token that the reader enters: the
gateway knows no cookies, so no other page can send them.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import cache, cached_property, partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import yaml
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup, escape

import functions
from functions.edge.gateway import documentation
from functions.edge.gateway.forms import BoundForm, bind_forms
from functions.edge.gateway.problem_catalog import CatalogEntry, problem_catalog
from functions.edge.gateway.problems import NO_ROUTE, Problem
from functions.edge.gateway.responses import (
    JSON,
    NOTHING_LOADS,
    PAGE_POLICY,
    REVALIDATED,
    BytesResponse,
    etag_of,
    is_unchanged,
    json_response,
    page,
)
from functions.edge.gateway.routing import Table
from functions.runtime.config.registry import Registry

METRICS = "/metrics"
PROBES = ("/livez", "/readyz", "/health", "/healthz", METRICS)
OPENAPI = Path(functions.__file__).parent.parent / "schemas" / "openapi.yaml"
SCRIPT = Path(__file__).parent / "templates" / "docs.js"
FORM_POLICY = f"{PAGE_POLICY}; form-action 'self'"

_CODE = re.compile(r"`([^`]+)`")


class Pages:
    def __init__(self, registry: Registry, table: Table, dashboard_url: str) -> None:
        self._dashboard_url = dashboard_url.rstrip("/")
        self._declarations = registry.declarations
        self.forms: Mapping[str, BoundForm] = bind_forms(table)
        """By the path that a form is posted to."""
        self._fixed: Mapping[str, Callable[[Mapping[str, str], Mapping[str, str]], BytesResponse]] = {
            "/": self._index,
            "/docs": lambda query, headers: page(self._docs, policy=self._script_policy),
            "/openapi.json": lambda query, headers: _cached(self._openapi_json, JSON, headers),
            "/openapi.yaml": lambda query, headers: _cached(self._openapi_yaml, (b"content-type", b"application/yaml"), headers),
            "/problems": self._problem_list,
            **{path: partial(self._form_page, bound) for path, bound in self.forms.items() if bound.form.page},
        }

    def has(self, path: str) -> bool:
        return path in self._fixed or path in PROBES or path.startswith("/problems/")

    def response(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> BytesResponse:
        """Return the page at a path. Raises Problem 404."""
        fixed = self._fixed.get(path)
        return fixed(query, headers) if fixed else self._problem(path.removeprefix("/problems/"), headers)

    # -- rendered on first use, because most gateways never show them ------------------------------------------------------

    def _render(self, template: str, **values: Any) -> str:
        return _templates().get_template(template).render(dashboard_url=self._dashboard_url, **values)

    @cached_property
    def _openapi_json(self) -> bytes:
        return orjson.dumps(_openapi_document())

    @cached_property
    def _openapi_yaml(self) -> bytes:
        return OPENAPI.read_bytes()

    @cached_property
    def _script(self) -> str:
        return SCRIPT.read_text()

    @cached_property
    def _script_policy(self) -> str:
        digest = b64encode(sha256(self._script.encode()).digest()).decode()
        return f"{PAGE_POLICY}; script-src 'sha256-{digest}'; connect-src 'self'"

    @cached_property
    def _docs(self) -> str:
        document = _openapi_document()
        return self._render(
            "docs.html",
            info=document["info"],
            quickstart=documentation.quickstart(document),
            groups=documentation.groups(document),
            common_errors=documentation.common_errors(),
            script=Markup(self._script),
        )

    @cached_property
    def _problems(self) -> Mapping[str, CatalogEntry]:
        return problem_catalog(self._declarations)

    # -- pages ---------------------------------------------------------------------------------------------------------------

    def _index(self, query: Mapping[str, str], headers: Mapping[str, str]) -> BytesResponse:
        links = {"docs": "/docs", "openapi": "/openapi.json", "problems": "/problems", "health": "/health"}
        if _wants_html(headers):
            return page(self._render("index.html", version=version("capsule")))
        return json_response({"service": "capsule", "version": version("capsule"), "links": links})

    def _problem_list(self, query: Mapping[str, str], headers: Mapping[str, str]) -> BytesResponse:
        if _wants_html(headers):
            return page(self._render("problems.html", entries=self._problems.values()))
        return json_response([entry.to_json() for entry in self._problems.values()])

    def _problem(self, slug: str, headers: Mapping[str, str]) -> BytesResponse:
        entry = self._problems.get(slug)
        if entry is None:
            raise Problem(NO_ROUTE, f'There is no problem type "{slug}".')
        if _wants_html(headers):
            return page(self._render("problem.html", entry=entry))
        return json_response(entry.to_json())

    def _form_page(self, bound: BoundForm, query: Mapping[str, str], headers: Mapping[str, str]) -> BytesResponse:
        fields = bound.fields(query)
        html = self._render(bound.form.page, fields=fields, has_password=bound.has_password, is_complete=all(fields.values()), forms=self.forms)
        return page(html, policy=FORM_POLICY)

    def form_result(self, bound: BoundForm, response: BytesResponse) -> BytesResponse:
        """Convert the response of a form's command to a page with the same status."""
        document = orjson.loads(response.body) if response.body else {}
        problem = document if response.status_code >= 400 else None
        html = self._render(bound.form.result, problem=problem, result=document, forms=self.forms)
        result = page(html, response.status_code if problem else 200, policy=FORM_POLICY)
        result.raw_headers += [(name, value) for name, value in response.raw_headers if name == b"retry-after"]
        return result


@cache
def _openapi_document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(OPENAPI.read_bytes(), Loader=yaml.CSafeLoader)
    return document


@cache
def _templates() -> Environment:
    """Return the environment of all gateways of this process: it keeps the templates that it has compiled."""
    environment = Environment(loader=PackageLoader("functions.edge.gateway"), autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True)
    environment.filters["code"] = _render_code
    return environment


def _cached(body: bytes, content_type: tuple[bytes, bytes], headers: Mapping[str, str]) -> BytesResponse:
    etag = etag_of(body)
    fields = [content_type, REVALIDATED, NOTHING_LOADS, (b"etag", etag.encode())]
    return BytesResponse(304, b"", fields) if is_unchanged(headers.get("if-none-match"), etag) else BytesResponse(200, body, fields)


def _wants_html(headers: Mapping[str, str]) -> bool:
    return "text/html" in headers.get("accept", "")


def _render_code(text: str) -> Markup:
    """Escape a text and set what is between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))
