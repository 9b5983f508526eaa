"""The HTTP API as a caller sees it: every change carries an Idempotency-Key, and is asked again with the same one where the outcome is not known.

503 and 504 are asked again after what Retry-After says; a connection that broke in the middle too, since the key makes it one change. A refused
connection is told at once: nobody is there.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

import httpx
import stamina
from stamina.instrumentation import set_on_retry_hooks

from cli.failures import Refused, Unreachable
from cli.settings import is_loopback

Json = dict[str, Any]
ATTEMPTS = 5
TIMEOUT = httpx.Timeout(45, connect=10)  # longer than a command's own deadline
LONGEST_WAIT = 30.0

set_on_retry_hooks([])  # it would log; what a person sees of a repetition is that it takes longer


class Tokens(Protocol):
    """Who asks: the access token for the next request, and another one when the API would not have it."""

    def token(self) -> str | None: ...
    def another(self, rejected: str) -> str | None: ...


class Nobody:
    def token(self) -> str | None:
        return None

    def another(self, rejected: str) -> str | None:
        return None


class _AskAgain(Exception):
    def __init__(self, answer: httpx.Response | None, why: str) -> None:
        super().__init__(why)
        self.answer = answer


class Client:
    def __init__(
        self,
        api: str,
        tokens: Tokens | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        attempts: int = ATTEMPTS,
        new_key: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self.api = api
        self._tokens = tokens or Nobody()
        self._attempts = attempts
        self._new_key = new_key
        self._http = httpx.Client(
            base_url=api, timeout=TIMEOUT, transport=transport, trust_env=not is_loopback(api), headers={"User-Agent": "capsule-cli"}
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Json:
        return self.call("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Json:
        return self.call("POST", path, body={} if body is None else body)

    def put(self, path: str, body: Mapping[str, Any]) -> Json:
        return self.call("PUT", path, body=body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Json:
        return self.call("PATCH", path, body=body)

    def delete(self, path: str) -> Json:
        return self.call("DELETE", path)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, Any] | None = None) -> Json:
        answer = self.request(method, path, body, query)
        return dict(answer.json()) if answer.content else {}

    def pages(self, path: str, **query: Any) -> list[Json]:
        """Every item of a listing with a cursor."""
        items: list[Json] = []
        while True:
            page = self.get(path, **query)
            items.extend(page["items"])
            if not page.get("next"):
                return items
            query["cursor"] = page["next"]

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, Any] | None = None) -> httpx.Response:
        """The answer of a success; anything else raises what a person can read."""
        params = {name: value for name, value in (query or {}).items() if value is not None}
        headers = {} if method == "GET" else {"Idempotency-Key": self._new_key()}
        token = self._tokens.token()
        answer = self._asked(method, path, body, params, headers, token)
        if answer.status_code == 401 and token and (other := self._tokens.another(token)):
            answer = self._asked(method, path, body, params, headers, other)
        if answer.is_success:
            return answer
        raise Refused(answer.status_code, _document(answer), answer.headers.get("X-Request-Id", ""))

    def _asked(
        self, method: str, path: str, body: Mapping[str, Any] | None, params: Json, headers: dict[str, str], token: str | None
    ) -> httpx.Response:
        sent = {**headers, "Authorization": f"Bearer {token}"} if token else headers
        try:
            for attempt in stamina.retry_context(on=_wait, attempts=self._attempts, timeout=180, wait_initial=0.25, wait_max=5):
                with attempt:
                    return self._once(method, path, body, params, sent)
        except _AskAgain as given_up:
            if given_up.answer is not None:
                return given_up.answer
            raise Unreachable(self.api, str(given_up)) from given_up
        raise AssertionError("a retry ends with an answer or an error")

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None, params: Json, headers: dict[str, str]) -> httpx.Response:
        try:
            answer = self._http.request(method, path, json=body, params=params, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            raise Unreachable(self.api, str(error)) from error
        except httpx.TransportError as error:
            raise _AskAgain(None, f"{method} {path}: {error or type(error).__name__}") from error
        if answer.status_code in (503, 504):
            raise _AskAgain(answer, f"{answer.status_code}")
        return answer


def _wait(error: Exception) -> bool | float:
    """For stamina: whether to ask again, or after how many seconds."""
    if not isinstance(error, _AskAgain):
        return False
    if error.answer is None:
        return True
    said = error.answer.headers.get("Retry-After", "")
    return min(float(said), LONGEST_WAIT) if said.isdecimal() else True


def _document(answer: httpx.Response) -> Json:
    """A problem document, or as much of another answer as says something."""
    try:
        said = answer.json()
    except ValueError:
        said = None
    if isinstance(said, dict):
        return said
    return {"title": f"The API answered {answer.status_code} {answer.reason_phrase}".rstrip(), "detail": answer.text[:300].strip()}


def segment(text: str) -> str:
    """A part of a path."""
    return quote(text, safe="")
