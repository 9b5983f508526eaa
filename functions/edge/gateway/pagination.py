"""The header `Link` of a list: the addresses of its first and its next page (RFC 8288), beside the cursor in the body.

There is no `prev`: a cursor names the item after which a page begins, so it leads forward only.
"""

from urllib.parse import parse_qsl, urlencode

import orjson

from functions.edge.gateway.routing import CURSOR, Route

LAST_PAGE = b'"next":null}'


def page_links(route: Route, target: str, query: bytes, body: bytes) -> str:
    """Return the value of `Link` for a page with this body. `target`: the path, as a URI reference. `query`: of the request."""
    others = [(name, value) for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if name != CURSOR]
    links = [_link(target, others, "first")]
    if route.is_paginated and not body.endswith(LAST_PAGE) and (cursor := orjson.loads(body).get("next")) is not None:
        links.append(_link(target, [*others, (CURSOR, cursor)], "next"))
    return ", ".join(links)


def _link(target: str, parameters: list[tuple[str, str]], relation: str) -> str:
    query = urlencode(parameters)
    return f'<{target}{"?" if query else ""}{query}>; rel="{relation}"'
