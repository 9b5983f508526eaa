"""A client of the HTTP API as anyone would write one: a base address, a token, an Idempotency-Key on what changes something."""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from knative.machine.home import LOOPBACK
from knative.machine.problems import Problem

Json = dict[str, Any]
T = TypeVar("T")


class Api:
    def __init__(self, base: str) -> None:
        self.base = base
        self.token: str | None = None
        self._http = httpx.Client(base_url=base, timeout=35, trust_env=False)

    def get(self, path: str, **query: Any) -> Json:
        return self.call("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any]) -> Json:
        return self.call("POST", path, body=body)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, Any] | None = None) -> Json:
        """A 503 or 504 is asked again with the same key: the outcome is one, however often it is asked for."""
        headers = {"Idempotency-Key": str(uuid.uuid4())} if body is not None else {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        for last in (False, False, True):
            try:
                answer = self._http.request(method, path, json=body, params=dict(query or {}), headers=headers)
            except httpx.TransportError as error:
                raise Problem(f"{method} {path}: {error}", "./taskw status shows what runs; ./taskw up starts it") from error
            if answer.status_code not in (503, 504) or last:
                break
            time.sleep(min(float(answer.headers.get("Retry-After", "1")), 5))
        if answer.is_success:
            return dict(answer.json()) if answer.content else {}
        raise Refused(method, path, answer)


class Refused(Problem):
    """The API said no: its problem document (RFC 9457), readable."""

    def __init__(self, method: str, path: str, answer: httpx.Response) -> None:
        try:
            said = answer.json()
        except ValueError:
            said = {"title": answer.text[:300]}
        self.status = answer.status_code
        text = ": ".join(filter(None, (said.get("title"), said.get("detail"))))
        faults = "".join(f"\n  {fault.get('pointer', '')} {fault.get('detail', '')}" for fault in said.get("errors") or [])
        request = f" (request {said['requestId']})" if said.get("requestId") else ""
        super().__init__(f"{method} {path} was answered {answer.status_code} {text}{request}{faults}", "./taskw logs edge-gateway")


def poll(what: str, seconds: float, look: Callable[[], T | None], pause: float = 0.25) -> T:
    """Looks until there is something; a 404 means not yet, since other functions may still be at it."""
    until = time.monotonic() + seconds
    while True:
        try:
            found = look()
        except Refused as refused:
            if refused.status != 404 or time.monotonic() > until:
                raise
            found = None
        if found is not None:
            return found
        if time.monotonic() > until:
            raise Problem(f"{what}: nothing after {seconds:.0f} s", "./taskw status, and ./taskw logs <function> of the one that should have done it")
        time.sleep(pause)


def visit(url: str) -> httpx.Response:
    """Opens an application's address: *.localhost is this machine, whatever its resolver thinks of the name."""
    parts = urlsplit(url)
    target = parts._replace(netloc=f"{LOOPBACK}:{parts.port or 80}", path=parts.path or "/").geturl()
    try:
        return httpx.get(target, headers={"Host": parts.netloc}, timeout=60, trust_env=False)
    except httpx.TransportError as error:
        raise Problem(f"{url} does not answer: {error}", "./taskw status") from error
