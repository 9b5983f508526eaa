"""Which host a request is for: one consistent reading, and no interpretation of invalid hosts."""

import pytest

from knative.local.serving.http.authority import Authority, BadAuthority, authority_of


def read(method: str, target: str, *hosts: bytes, version: str = "1.1") -> Authority:
    return authority_of(method, target, version, [(b"accept", b"*/*"), *((b"host", host) for host in hosts)])


@pytest.mark.parametrize(
    ("host", "read_as"),
    [
        (b"shop.localhost", "shop.localhost"),
        (b"SHOP.LocalHost:7080", "shop.localhost"),
        (b"shop.localhost.", "shop.localhost"),
        (b"shop.localhost.:7080", "shop.localhost"),
        (b"\tshop.localhost \t", "shop.localhost"),
        (b"shop.localhost:", "shop.localhost"),
        (b"127.0.0.1:7080", "127.0.0.1"),
        (b"my_shop.localhost", "my_shop.localhost"),
        (b"", ""),
    ],
)
def test_host_headers_are_normalized(host: bytes, read_as: str) -> None:
    assert read("GET", "/", host).host == read_as


@pytest.mark.parametrize(
    "host",
    [
        *(b"a b", b"a,b", b"a@b", b"user:secret@shop.localhost", b"a/b", b"a\tb", b"a\x00b", b"a:1:2", b"a\\b", b"a?b", b"a#b"),
        *(b"shop.localhost:708000", b"shop.localhost:7a", b"shop.localhost\r\nX: y", b"shop%2elocalhost", b".shop.localhost", b"shop.localhost.."),
        *(b"[::1]:7080", "shöp.localhost".encode()),
    ],
)
def test_an_invalid_host_is_refused(host: bytes) -> None:
    with pytest.raises(BadAuthority):
        read("GET", "/", host)
    if not set(host) & set(b"/?#"):  # these end an authority
        with pytest.raises(BadAuthority):
            read("GET", f"http://{host.decode('latin-1')}/", b"shop.localhost")


def test_a_request_must_have_exactly_one_host() -> None:
    for hosts in ((), (b"a.localhost", b"b.localhost"), (b"a.localhost", b"a.localhost")):
        with pytest.raises(BadAuthority):
            read("GET", "/", *hosts)
    assert read("GET", "/", version="1.0").host == ""


def test_an_absolute_target_overrides_the_host_header() -> None:
    found = read("GET", "HTTP://Shop.localhost:7080/a?b=http://c/", b"other.localhost")
    assert (found.host, found.text, found.target) == ("shop.localhost", "Shop.localhost:7080", "/a?b=http://c/")
    assert read("GET", "http://shop.localhost", b"shop.localhost").target == "/"
    assert read("GET", "/http://other.localhost/", b"shop.localhost").host == "shop.localhost"


@pytest.mark.parametrize(
    ("method", "target"),
    [
        *(("CONNECT", "shop.localhost:443"), ("GET", "shop.localhost"), ("GET", "*"), ("GET", "")),
        *(("GET", "ftp://shop.localhost/"), ("GET", "http:/shop.localhost/")),
    ],
)
def test_other_request_targets_are_refused(method: str, target: str) -> None:
    with pytest.raises(BadAuthority):
        read(method, target, b"shop.localhost")


def test_options_may_name_the_server() -> None:
    assert read("OPTIONS", "*", b"shop.localhost").target == "*"
