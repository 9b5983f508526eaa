"""The rules of the static server by themselves: paths, types, caching, ranges."""

import pytest

from knative.builder.static_server.conditions import usable_range
from knative.builder.static_server.index import IMMUTABLE, File, Found, Index, Moved, cache_control, content_type


def index(*names: str, is_single_page: bool = False) -> Index:
    return Index([File(name, 1, "d") for name in names], is_single_page)


def answer(found: Found | Moved | None) -> tuple[str, int] | None:
    return (found.file.name, found.status) if isinstance(found, Found) else (found.path, 301) if found else None


def test_an_application_of_one_page_answers_its_routes() -> None:
    spa = index("index.html", "app.js", is_single_page=True)
    for path in ("/users", "/users/7/", "/users/john.doe", "/v1.2"):
        assert answer(spa.find(path)) == ("index.html", 200)
    for path in ("/old-chunk.js", "/logo.png", "/%00", "/.env"):
        assert answer(spa.find(path)) is None
    with_page = index("index.html", "404.html", is_single_page=True)
    assert answer(with_page.find("/users")) == ("404.html", 404)
    with_application = index("200.html", "404.html", "about.html")
    assert answer(with_application.find("/users/1")) == ("200.html", 200)
    assert answer(with_application.find("/")) == ("200.html", 200)
    assert answer(with_application.find("/about")) == ("about.html", 200)
    assert answer(with_application.find("/missing.js")) == ("404.html", 404)
    assert answer(index("index.html").find("/users")) is None


def test_a_redirect_never_leaves_the_site() -> None:
    assert answer(index("evil.example/index.html").find("//evil.example")) == ("/evil.example/", 301)
    assert answer(index("a b/index.html").find("/a%20b")) == ("/a%20b/", 301)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(
            ("a.wasm", "application/wasm"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("site.webmanifest", "application/manifest+json; charset=utf-8"),
        ),
        *(("f.woff2", "font/woff2"), ("A.HTML", "text/html; charset=utf-8"), ("x", "application/octet-stream"), ("p.avif", "image/avif")),
        *((".well-known/apple-app-site-association", "application/json; charset=utf-8"), ("a.tar.gz", "application/gzip")),
    ],
)
def test_content_types(name: str, expected: str) -> None:
    assert content_type(name) == expected


@pytest.mark.parametrize(
    ("name", "is_immutable"),
    [
        *(("assets/index-BjS2kX9q.js", True), ("static/js/main.8d2f1a3c.chunk.js", True), ("_next/static/chunks/app.js", True)),
        *(("_app/immutable/entry/start.js", True), ("_astro/hoisted.C3xZq1_a.js", True), ("_nuxt/builds/latest.json", False)),
        *(("index.html", False), ("assets/photo-vacation.jpg", False), ("photo-20230101.jpg", False), ("assets/app.js", False)),
        ("page-8d2f1a3c.html", False),
    ],
)
def test_a_name_with_a_hash_is_cached_for_a_year(name: str, is_immutable: bool) -> None:
    assert (cache_control(name) == IMMUTABLE) is is_immutable


def test_a_range_of_an_empty_file_cannot_be_sent() -> None:
    assert usable_range("bytes=0-", 0) == "bytes=0-"
    assert usable_range("bytes=0-1", 10) == "bytes=0-1"
