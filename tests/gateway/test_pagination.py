"""The header `Link` of lists."""

import pytest

from functions.edge.gateway.pagination import page_links
from functions.edge.gateway.routing import Route, Table
from functions.kernel import Page
from functions.runtime.config.registry import Registry

ROUTES = {route.path: route for route in Table(Registry.load().declarations).routes if route.method == "GET"}
APPLICATIONS, TEAMS = ROUTES["/v1/apps"], ROUTES["/v1/teams"]
FIRST = '</v1/apps>; rel="first"'


@pytest.mark.parametrize(
    ("query", "body", "links"),
    [
        (b"", b'{"items":[],"next":null}', FIRST),
        (b"", b'{"items":[1],"next":"7"}', f'{FIRST}, </v1/apps?cursor=7>; rel="next"'),
        (b"cursor=7", b'{"items":[1],"next":null}', FIRST),
        (
            b"limit=2&cursor=3&name=a%20b&name=%C3%A9",
            b'{"items":[1],"next":"a b"}',
            '</v1/apps?limit=2&name=a+b&name=%C3%A9>; rel="first", </v1/apps?limit=2&name=a+b&name=%C3%A9&cursor=a+b>; rel="next"',
        ),
        (b"", b'{"items":["\\"next\\":null}"],"next":"7"}', f'{FIRST}, </v1/apps?cursor=7>; rel="next"'),
        (b"", b'{ "next": null, "items": [] }', FIRST),
        (b"", b"{}", FIRST),
    ],
)
def test_the_first_and_the_next_page_have_the_same_query_and_another_cursor(query: bytes, body: bytes, links: str) -> None:
    assert page_links(APPLICATIONS, "/v1/apps", query, body) == links


def test_a_complete_list_has_no_next_page() -> None:
    assert page_links(TEAMS, "/v1/teams", b"", b'{"items":[1],"next":null}') == '</v1/teams>; rel="first"'


def is_page(route: Route) -> bool:
    return isinstance(route.output, type) and issubclass(route.output, Page)


def test_every_list_has_links_and_those_with_a_cursor_a_next_page() -> None:
    assert APPLICATIONS.is_paginated and ROUTES["/v1/billing/invoices"].is_paginated
    assert TEAMS.is_list and not TEAMS.is_paginated
    assert not ROUTES["/v1/users/me"].is_list
    assert {path for path, route in ROUTES.items() if is_page(route)} == {path for path, route in ROUTES.items() if route.is_list}
