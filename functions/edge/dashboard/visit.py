"""One request of a person: who it is, the calls it makes, and the page it ends with."""

import asyncio
import re
import time
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from functions.edge.dashboard.api import Api, ApiProblem, Download, Visitor
from functions.edge.dashboard.cookies import TEAM, Tokens, stored_name
from functions.edge.gateway import parsing
from functions.edge.gateway.problems import Problem
from functions.kernel import new_id

ALL_TEAMS = "all"
"""The value of `team` in an address that chooses no team."""

MAX_FORM_BYTES = 256 * 1024
KEY_FIELD = "key"
"""The hidden field of every form: its value makes a form that is sent twice take effect once."""

FORM_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
"""What the keys of all forms of a page begin with."""
SERVER_ERROR = 500

NOT_PERMITTED = (403, 404, 409)
"""409: of members and invitations of a personal team, which has none."""

Form = Mapping[str, str]


@dataclass
class Visit:
    request: Request
    api: Api
    visitor: Visitor
    templates: Environment
    now: datetime
    is_secure: bool = False
    """Whether the dashboard's public address is https."""
    new_tokens: Tokens | None = None
    """Cookies to set on the response: a session was started or refreshed."""
    has_signed_out: bool = False
    cookies: dict[str, str] = field(default_factory=dict)
    """Cookies of a sign-in with a provider to set on the response; an empty value deletes one."""
    waited_seconds: float = 0.0
    """In which at least one function was waited for."""
    _waiting: int = 0
    _waits_since: float = 0.0
    _form: Form | None = field(default=None, repr=False)

    @property
    def is_signed_in(self) -> bool:
        return self.visitor.token is not None

    @property
    def is_administrator(self) -> bool:
        """Of the installation."""
        return self.visitor.caller is not None and self.visitor.caller.is_admin

    @property
    def has_recent_login(self) -> bool:
        return self.visitor.caller is not None and self.visitor.caller.has_recent_login(self.now)

    @property
    def user_id(self) -> str:
        """Empty without a session. The personal team has the same id."""
        return str(self.visitor.caller.user_id) if self.visitor.caller else ""

    @property
    def team_id(self) -> str | None:
        """The team whose applications and bills are shown: of the form or address, else the one that was chosen last."""
        named = self._form.get("team") if self._form is not None else self.request.query_params.get("team")
        return _team_id(self.cookie(TEAM) if named is None else named)

    @property
    def path(self) -> str:
        """Of the request, decoded. `request.url` would read it together with the header Host, which may be anything."""
        return str(self.request.scope["path"])

    def path_value(self, name: str) -> str:
        return str(self.request.path_params[name])

    def query(self, name: str) -> str:
        return self.request.query_params.get(name, "")

    def cookie(self, name: str) -> str:
        """The value of a cookie of the dashboard; empty without it."""
        return self.request.cookies.get(stored_name(name, is_secure=self.is_secure), "").strip('"')

    @property
    def sent(self) -> Form:
        """The fields of the posted form, as far as it was read."""
        return self._form or {}

    async def form(self) -> Form:
        """The fields of the posted form; texts are stripped, except those of passwords and secrets. Raises ApiProblem 408, 413, 422."""
        if self._form is None:
            try:
                raw = await parsing.read_body(self.request, MAX_FORM_BYTES)
                values = parsing.parse_query(raw, frozenset())
            except Problem as problem:
                raise ApiProblem(problem.kind.status, problem.kind.title, problem.detail) from None
            self._form = {name: value if "assword" in name or "ecret" in name else value.strip() for name, value in values.items()}
        return self._form

    async def call(self, function: str, /, **fields: Any) -> Any:
        """Call a function. A posted form's key makes a command take effect once. Raises ApiProblem."""
        key = self._form.get(KEY_FIELD) if self._form else None
        with self._measured():
            return await self.api.call(function, self.visitor, fields, f"{key}-{function}" if key else None)

    async def download(self, function: str, /, **fields: Any) -> Download:
        """Raises ApiProblem."""
        with self._measured():
            return await self.api.download(function, self.visitor, fields)

    @contextmanager
    def _measured(self) -> Iterator[None]:
        """Calls of one wave count once."""
        if not self._waiting:
            self._waits_since = time.perf_counter()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self.waited_seconds += time.perf_counter() - self._waits_since

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """After a server error, when it is unknown whether a command took effect, forms keep their keys: sent again, it takes effect once."""
        key = FORM_KEY.match((self._form or {}).get(KEY_FIELD, "")) if status >= SERVER_ERROR else None
        form_key = key[0] if key else str(new_id())
        html = self.templates.get_template(template).render(visit=self, path=self.path, form_key=form_key, done=self.query("done"), **values)
        return HTMLResponse(html, status)

    def confirmation(self, next_page: str, problem: ApiProblem | None = None) -> Response:
        """The page that makes the sign-in recent and leads to `next_page`."""
        return self.render("confirm_identity.html", problem.status if problem else 403, next=next_page, problem=problem)

    def fragment(self, template: str, **values: Any) -> str:
        return self.templates.get_template(template).render(visit=self, form_key=str(new_id()), **values)

    def redirect(self, path: str, **query: str) -> Response:
        """See Other: what a form changed is shown by another page (RFC 9110 section 15.4.4)."""
        separator = "&" if "?" in path else "?"
        return RedirectResponse(f"{path}{separator}{urlencode(query)}" if query else path, HTTPStatus.SEE_OTHER)


def _team_id(text: str) -> str | None:
    try:
        return str(UUID(text))
    except ValueError:
        return None


async def gather(*calls: Awaitable[Any]) -> list[Any]:
    """Wait for calls that do not depend on each other. Raises the first ApiProblem, after all have ended."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return list(results)


async def optional(call: Awaitable[Any]) -> Any:
    """The result of a call that a page can do without; None if it is refused."""
    try:
        return await call
    except ApiProblem:
        return None


async def available(call: Awaitable[Any]) -> Any:
    """The result of a call; None if its context is away or fails. Raises ApiProblem for any other refusal."""
    try:
        return await call
    except ApiProblem as problem:
        if problem.status < SERVER_ERROR:
            raise
        return None


async def permitted(call: Awaitable[Any]) -> Any:
    """The result of a call; None if the visitor's role does not allow it or there is nothing. Raises ApiProblem for any other refusal."""
    try:
        return await call
    except ApiProblem as problem:
        if problem.status not in NOT_PERMITTED:
            raise
        return None
