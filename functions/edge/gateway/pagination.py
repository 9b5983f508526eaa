"""The header `Link` of a page of a list: the address of the next page (RFC 8288), beside the cursor in the body."""

from urllib.parse import parse_qsl, urlencode

import orjson

from functions.edge.gateway.routing import Route
from functions.kernel import Kind, Page

CURSOR = "cursor"
LAST_PAGE = b'"next":null}'


def is_paginated(route: Route) -> bool:
    """Whether the route answers a `Page` and takes the cursor of the next one."""
    output = route.declaration.output
    return route.declaration.kind is Kind.QUERY and isinstance(output, type) and issubclass(output, Page) and CURSOR in route.rest


def next_link(target: str, query: bytes, body: bytes) -> str | None:
    """Return the value of `Link` for a page with this body, None for the last one. `target`: the path, as a URI reference."""
    if body.endswith(LAST_PAGE):
        return None
    cursor = orjson.loads(body).get("next")
    if cursor is None:
        return None
    parameters = [(name, value) for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if name != CURSOR]
    return f'<{target}?{urlencode([*parameters, (CURSOR, cursor)])}>; rel="next"'
