"""HTTP client of the Capsule API.

Every change carries an Idempotency-Key. The client repeats a request with the same key after 429, 503 and 504, as long after them as Retry-After
says, and after a connection that broke mid-request. A server that asks for more than MAX_WAIT_SECONDS is not waited for. A refused connection and
a name that is not found fail at once, unless the API answered this client before: then it is being restarted, or a name server is.
"""

import platform
import ssl
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, Protocol
from urllib.parse import quote

import httpx
import stamina
from stamina.instrumentation import set_on_retry_hooks

from cli.failures import ApiError, ApiUnreachable, UsageError
from cli.settings import is_loopback

Json = dict[str, Any]
MAX_ATTEMPTS = 5
RETRY_TIMEOUT_SECONDS = 180
MAX_WAIT_SECONDS = 30.0
RATE_LIMITED = "/problems/too-many-requests"
MAX_KNOWN_RESPONSES = 16
MIN_NOTED_SECONDS = 2
"""Shorter waits pass without a message."""
USER_AGENT = f"capsule-cli/{version('capsule')} ({platform.system()})"
"""The list of sessions shows it."""
TIMEOUT = httpx.Timeout(45, connect=10)  # longer than the server's deadline for a command

STREAM_TIMEOUT = httpx.Timeout(45, connect=10)
"""Three heartbeats of the server."""

set_on_retry_hooks([])  # stamina logs each retry by default


class TokenSource(Protocol):
    def token(self) -> str | None:
        """Return the access token for the next request."""
        ...

    def refresh(self, rejected: str) -> str | None:
        """Return another token after the API answered 401 to `rejected`; None if there is none."""
        ...


class NoToken:
    """Requests without an account."""

    def token(self) -> str | None:
        return None

    def refresh(self, rejected: str) -> str | None:
        return None


class _RetryableError(Exception):
    def __init__(self, response: httpx.Response | None, reason: str) -> None:
        super().__init__(reason)
        self.response = response


class Client:
    def __init__(
        self,
        api: str,
        tokens: TokenSource | None = None,
        *,
        ca_file: str = "",
        transport: httpx.BaseTransport | None = None,
        max_attempts: int = MAX_ATTEMPTS,
        new_idempotency_key: Callable[[], str] = lambda: str(uuid.uuid4()),
        on_wait: Callable[[str], None] = lambda message: None,
    ) -> None:
        """`ca_file`: the path of certificate authorities beside the system's.

        `on_wait`: receives a message for people before the client waits as long as the server says."""
        self.api = api
        self._tokens = tokens or NoToken()
        self._max_attempts = max_attempts
        self._new_idempotency_key = new_idempotency_key
        self._on_wait = on_wait
        self._known: dict[str, httpx.Response] = {}
        """The last response of an address with an ETag, for a program that polls it."""
        self._was_answered = False
        self._http = httpx.Client(
            base_url=api,
            timeout=TIMEOUT,
            transport=transport,
            trust_env=not is_loopback(api),
            headers={"User-Agent": USER_AGENT},
            verify=trust(ca_file) if ca_file else True,
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
        """Return the response's JSON object; an empty one for a response without content."""
        response = self.request(method, path, body, query)
        return dict(response.json()) if response.content else {}

    def page(self, path: str, **query: Any) -> list[Json]:
        """Return the items of one page of a list."""
        return list(self.get(path, **query)["items"])

    def items(self, path: str, **query: Any) -> list[Json]:
        """Return all items of a list, from all its pages."""
        items: list[Json] = []
        while True:
            page = self.get(path, **query)
            items.extend(page["items"])
            if not page.get("next"):
                return items
            query["cursor"] = page["next"]

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> httpx.Response:
        """Send a request and return the successful response. `idempotency_key`: of a change; by default a new one.

        Raises:
            ApiError: the API answered with an error.
            ApiUnreachable: no answer came.
        """
        params = {name: value for name, value in (query or {}).items() if value is not None}
        key = str(httpx.URL(path, params=params))
        known = self._known.get(key) if method == "GET" else None
        headers = {} if method == "GET" else {"Idempotency-Key": idempotency_key or self._new_idempotency_key()}
        if known is not None:
            headers["If-None-Match"] = known.headers["ETag"]
        token = self._tokens.token()
        response = self._send_with_retries(method, path, body, params, headers, token)
        if response.status_code == 401 and token and (new_token := self._tokens.refresh(token)):
            response = self._send_with_retries(method, path, body, params, headers, new_token)
        if response.status_code == httpx.codes.NOT_MODIFIED and known is not None:
            return known
        if response.is_success:
            if method == "GET" and "ETag" in response.headers:
                self._remember(key, response)
            return response
        raise ApiError(
            response.status_code,
            _problem_document(response),
            request_id=response.headers.get("X-Request-Id", ""),
            retry_after_seconds=_retry_after_seconds(response),
        )

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Open a response that goes on, such as server-sent events. Raises httpx.HTTPError."""
        token = self._tokens.token()
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        with self._http.stream("GET", path, headers={**headers, **authorization}, timeout=STREAM_TIMEOUT) as response:
            if response.status_code == 401 and token:
                self._tokens.refresh(token)
            yield response

    def _remember(self, key: str, response: httpx.Response) -> None:
        self._known.pop(key, None)
        self._known[key] = response
        while len(self._known) > MAX_KNOWN_RESPONSES:
            del self._known[next(iter(self._known))]

    def _send_with_retries(
        self, method: str, path: str, body: Mapping[str, Any] | None, params: Json, headers: dict[str, str], token: str | None
    ) -> httpx.Response:
        all_headers = {**headers, "Authorization": f"Bearer {token}"} if token else headers
        try:
            for attempt in stamina.retry_context(
                on=_retry_delay, attempts=self._max_attempts, timeout=RETRY_TIMEOUT_SECONDS, wait_initial=0.25, wait_max=5
            ):
                with attempt:
                    try:
                        return self._send_once(method, path, body, params, all_headers)
                    except _RetryableError as error:
                        if attempt.num < self._max_attempts:
                            self._note_wait(error)
                        raise
        except _RetryableError as error:
            if error.response is not None:
                return error.response
            raise ApiUnreachable(self.api, str(error), is_local=is_loopback(self.api)) from error
        raise AssertionError("stamina ends with a result or an exception")

    def _note_wait(self, error: _RetryableError) -> None:
        seconds = _retry_after_seconds(error.response) if error.response is not None else None
        if error.response is not None and seconds is not None and seconds >= MIN_NOTED_SECONDS:
            title = str(_problem_document(error.response).get("title") or error).rstrip(".")
            self._on_wait(f"{title}. Trying again in {seconds} s.")

    def _send_once(self, method: str, path: str, body: Mapping[str, Any] | None, params: Json, headers: dict[str, str]) -> httpx.Response:
        try:
            response = self._http.request(method, path, json=body, params=params, headers=headers)
        except httpx.UnsupportedProtocol as error:
            raise ApiUnreachable(self.api, str(error), is_local=is_loopback(self.api)) from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if not self._was_answered:
                raise ApiUnreachable(self.api, str(error), is_local=is_loopback(self.api)) from error
            raise _RetryableError(None, str(error)) from error
        except httpx.TransportError as error:
            raise _RetryableError(None, f"{method} {path}: {error or type(error).__name__}") from error
        self._was_answered = True
        if _is_retryable(response) and (_retry_after_seconds(response) or 0) <= MAX_WAIT_SECONDS:
            raise _RetryableError(response, f"{response.status_code}")
        return response


def trust(ca_file: str) -> ssl.SSLContext:
    """Return a context that trusts the system's authorities and those of a file. Raises UsageError: it cannot be read."""
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(
            f"{ca_file} cannot be used as certificate authorities", str(error), hint="CAPSULE_CA_FILE, or `ca_file` in config.toml"
        ) from error
    return context


def segment(text: str) -> str:
    """Escape a value for use as one segment of a path."""
    return quote(text, safe="")


def _retry_delay(error: Exception) -> bool | float:
    """Tell stamina whether to retry, or after how many seconds."""
    if not isinstance(error, _RetryableError):
        return False
    if error.response is None:
        return True
    seconds = _retry_after_seconds(error.response)
    return True if seconds is None else float(seconds)


def _is_retryable(response: httpx.Response) -> bool:
    """Whether the same request may succeed later. A function's own 429 (an account is locked) is the answer to this key, whenever it is repeated."""
    if response.status_code == 429:
        return str(_problem_document(response).get("type")).endswith(RATE_LIMITED)
    return response.status_code in (503, 504)


def _retry_after_seconds(response: httpx.Response) -> int | None:
    value = response.headers.get("Retry-After", "")
    return int(value) if value.isdecimal() else None


def _problem_document(response: httpx.Response) -> Json:
    """The response's problem document (RFC 9457), or a substitute for an answer that has none, such as a proxy's page."""
    try:
        document = response.json()
    except ValueError:
        document = None
    if isinstance(document, dict):
        return document
    return {"title": f"The API answered {response.status_code} {response.reason_phrase}".rstrip(), "detail": response.text[:300].strip()}
