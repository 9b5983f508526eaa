"""The header `Link` of pages."""

import pytest

from functions.edge.gateway.pagination import is_paginated, next_link
from functions.edge.gateway.routing import Table
from functions.runtime.config.registry import Registry


@pytest.mark.parametrize(
    ("query", "body", "link"),
    [
        (b"", b'{"items":[],"next":null}', None),
        (b"", b'{"items":[1],"next":"7"}', '</v1/apps?cursor=7>; rel="next"'),
        (b"limit=2&cursor=3&name=a%20b&name=%C3%A9", b'{"items":[1],"next":"a b"}', '</v1/apps?limit=2&name=a+b&name=%C3%A9&cursor=a+b>; rel="next"'),
        (b"", b'{"items":["\\"next\\":null}"],"next":"7"}', '</v1/apps?cursor=7>; rel="next"'),
        (b"", b'{ "next": null, "items": [] }', None),
        (b"", b"{}", None),
    ],
)
def test_the_next_page_has_the_same_query_and_another_cursor(query: bytes, body: bytes, link: str | None) -> None:
    assert next_link("/v1/apps", query, body) == link


def test_lists_with_a_cursor_are_paginated_and_complete_lists_are_not() -> None:
    paginated = {route.path: is_paginated(route) for route in Table(Registry.load().declarations).routes if route.method == "GET"}
    assert paginated["/v1/billing/invoices"] and paginated["/v1/apps"] and not paginated["/v1/users/me"]
