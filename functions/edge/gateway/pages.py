"""The gateway's own pages: start page, API documentation, problem types, and the page behind the link in a verification e-mail.

The API's description is the generated `schemas/openapi.yaml`, read on first use. Pages load nothing from elsewhere; the
one script (copy buttons) is inline, and its hash is in the Content-Security-Policy. The verification page asks for a
click, because mail scanners open links and must not verify addresses.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import yaml
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup, escape
from starlette.datastructures import Headers

import functions
from functions.edge.gateway import documentation
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
from functions.edge.gateway.routing import Route, Table
from functions.runtime.config.registry import Registry

METRICS = "/metrics"
PROBES = ("/livez", "/readyz", "/health", "/healthz", METRICS)
VERIFY_PATH = "/v1/users/verify"
RESEND_PATH = "/v1/users/verification-emails"
VERIFY_FORM, RESEND_FORM = "/verify", "/verify/resend"
PASSWORD_FIELD = "password"
OPENAPI = Path(functions.__file__).parent.parent / "schemas" / "openapi.yaml"
SCRIPT = Path(__file__).parent / "templates" / "copy.js"
FORM_POLICY = f"{PAGE_POLICY}; form-action 'self'"

_CODE = re.compile(r"`([^`]+)`")


class Pages:
    def __init__(self, registry: Registry, table: Table) -> None:
        self._declarations = registry.declarations
        self.forms: Mapping[str, Route] = {
            form: route
            for form, path in ((VERIFY_FORM, VERIFY_PATH), (RESEND_FORM, RESEND_PATH))
            if (route := table.find(path)[0].get("POST")) is not None
        }
        """Path that a form is posted to → the command that it calls."""
        self._fixed: Mapping[str, Callable[[Mapping[str, str], Headers], BytesResponse]] = {
            "/": self._index,
            "/docs": lambda query, headers: page(self._docs, policy=self._script_policy),
            "/openapi.json": lambda query, headers: _cached(self._openapi_json, JSON, headers),
            "/openapi.yaml": lambda query, headers: _cached(self._openapi_yaml, (b"content-type", b"application/yaml"), headers),
            "/problems": self._problem_list,
            **({VERIFY_FORM: self._verification_form} if VERIFY_FORM in self.forms else {}),
        }

    def has(self, path: str) -> bool:
        return path in self._fixed or path in PROBES or path.startswith("/problems/")

    def response(self, path: str, query: Mapping[str, str], headers: Headers) -> BytesResponse:
        """Return the page at a path. Raises Problem 404."""
        fixed = self._fixed.get(path)
        return fixed(query, headers) if fixed else self._problem(path.removeprefix("/problems/"), headers)

    # -- rendered on first use, because most gateways never show them ------------------------------------------------------

    @cached_property
    def _templates(self) -> Environment:
        environment = Environment(
            loader=PackageLoader("functions.edge.gateway"), autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True
        )
        environment.filters["code"] = _render_code
        return environment

    def _render(self, template: str, **values: Any) -> str:
        return self._templates.get_template(template).render(**values)

    @cached_property
    def _document(self) -> dict[str, Any]:
        document: dict[str, Any] = yaml.load(self._openapi_yaml, Loader=yaml.CSafeLoader)
        return document

    @cached_property
    def _openapi_json(self) -> bytes:
        return orjson.dumps(self._document)

    @cached_property
    def _openapi_yaml(self) -> bytes:
        return OPENAPI.read_bytes()

    @cached_property
    def _script(self) -> str:
        return SCRIPT.read_text()

    @cached_property
    def _script_policy(self) -> str:
        digest = b64encode(sha256(self._script.encode()).digest()).decode()
        return f"{PAGE_POLICY}; script-src 'sha256-{digest}'"

    @cached_property
    def _docs(self) -> str:
        document = self._document
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

    def _index(self, query: Mapping[str, str], headers: Headers) -> BytesResponse:
        links = {"docs": "/docs", "openapi": "/openapi.json", "problems": "/problems", "health": "/health"}
        if _wants_html(headers):
            return page(self._render("index.html", version=version("capsule")))
        return json_response({"service": "capsule", "version": version("capsule"), "links": links})

    def _problem_list(self, query: Mapping[str, str], headers: Headers) -> BytesResponse:
        if _wants_html(headers):
            return page(self._render("problems.html", entries=self._problems.values()))
        return json_response([entry.to_json() for entry in self._problems.values()])

    def _problem(self, slug: str, headers: Headers) -> BytesResponse:
        entry = self._problems.get(slug)
        if entry is None:
            raise Problem(NO_ROUTE, f'There is no problem type "{slug}".')
        if _wants_html(headers):
            return page(self._render("problem.html", entry=entry))
        return json_response(entry.to_json())

    def _verification_form(self, query: Mapping[str, str], headers: Headers) -> BytesResponse:
        """The link's query parameters become hidden fields of the form. The password is entered: a link cannot bring it."""
        names = self.forms[VERIFY_FORM].rest
        fields = {name: query.get(name, "") for name in sorted(names - {PASSWORD_FIELD})}
        html = self._render(
            "verify.html",
            fields=fields,
            has_password=PASSWORD_FIELD in names,
            is_complete=all(fields.values()),
            can_resend=self._can_resend,
        )
        return page(html, policy=FORM_POLICY)

    @property
    def _can_resend(self) -> bool:
        return RESEND_FORM in self.forms

    def form_result(self, form: str, response: BytesResponse) -> BytesResponse:
        """Convert the response of a form's command to a page with the same status."""
        problem = orjson.loads(response.body) if response.status_code >= 400 else None
        template = "verified.html" if form == VERIFY_FORM else "resent.html"
        html = self._render(template, problem=problem, can_resend=self._can_resend)
        result = page(html, response.status_code if problem else 200, policy=FORM_POLICY)
        result.raw_headers += [(name, value) for name, value in response.raw_headers if name == b"retry-after"]
        return result


def _cached(body: bytes, content_type: tuple[bytes, bytes], headers: Headers) -> BytesResponse:
    etag = etag_of(body)
    fields = [content_type, REVALIDATED, NOTHING_LOADS, (b"etag", etag.encode())]
    return BytesResponse(304, b"", fields) if is_unchanged(headers.get("if-none-match"), etag) else BytesResponse(200, body, fields)


def _wants_html(headers: Headers) -> bool:
    return "text/html" in headers.get("accept", "")


def _render_code(text: str) -> Markup:
    """Escape a text and set what is between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))
