"""What the generated client stands on: something that sends requests. `cli.client.Client` is one: it retries, and refreshes tokens."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import quote


class Response(Protocol):
    @property
    def content(self) -> bytes: ...

    def json(self) -> Any: ...


class Transport(Protocol):
    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send a request and return its successful response. Query parameters that are None are left out. Raises for any other response."""
        ...


class Operations:
    """The operations of one context."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        response = self._transport.request(method, path, body, query, idempotency_key)
        return response.json() if response.content else None

    def _download(self, path: str, *, query: Mapping[str, Any] | None = None) -> bytes:
        return self._transport.request("GET", path, None, query).content

    def _items(self, path: str, query: Mapping[str, Any]) -> Iterator[Any]:
        """The items of all pages of a list."""
        cursor = query.get("cursor")
        while True:
            page = self._call("GET", path, query={**query, "cursor": cursor})
            yield from page["items"]
            cursor = page.get("next")
            if not cursor:
                return


def segment(value: str) -> str:
    """Escape a value for use as one segment of a path."""
    return quote(value, safe="")
