"""A static site over real sockets, from the image that a build makes."""

import gzip
import http.client
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from knative.builder.static_site import SiteInstaller

BIG = os.urandom(300_000)
SCRIPT = b"console.log('" + b"x" * 2000 + b"')"
FILES: Mapping[str, bytes] = {
    "index.html": b"home",
    "about.html": b"about us",
    "docs/index.html": b"documents",
    "big.bin": BIG,
    "empty.txt": b"",
    "app.js": SCRIPT,
    "app.js.gz": gzip.compress(SCRIPT),
    "large.css": b"a { color: red }" * 200,
    "assets/index-BjS2kX9q.js": b"hashed",
    "caf\u0065\u0301.html": b"decomposed",
    "with space+plus%.txt": b"odd name",
    ".well-known/security.txt": b"Contact: mailto:a@example.com",
    ".env": b"SECRET=1",
    "docs/.git/config": b"secret",
    "node_modules/x.js": b"dependency",
}


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def start(root: Path, command: tuple[str, ...], **variables: str) -> tuple[subprocess.Popen[str], int]:
    """Start the server of an image. Returns (process, port) once it listens."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "PORT": str(port), **variables}
    process = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "serving" in process.stdout.readline()
    return process, port


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    source, root = write(tmp_path_factory.mktemp("source"), FILES), tmp_path_factory.mktemp("image")
    (source / "loop").symlink_to(".")
    (source / "passwd").symlink_to("/etc/passwd")
    (source / "nowhere").symlink_to("missing")
    (source / "linked.txt").symlink_to("about.html")
    command = SiteInstaller(root, source).install(source, is_source=True)
    process, found = start(root, command, HOST="203.0.113.1", HOSTNAME="elsewhere")
    with process:
        yield found
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def request(port: int, path: str, method: str = "GET", host: str = "127.0.0.1", **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=60)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, response.headers, body


@pytest.mark.parametrize(
    ("path", "body"),
    [
        *(
            ("/", b"home"),
            ("/index.html", b"home"),
            ("/?utm=1", b"home"),
            ("/about", b"about us"),
            ("/about.html", b"about us"),
            ("//about", b"about us"),
        ),
        *(
            ("/docs/", b"documents"),
            ("/.well-known/security.txt", FILES[".well-known/security.txt"]),
            ("/empty.txt", b""),
            ("/linked.txt", b"about us"),
        ),
        *(
            ("/caf%C3%A9", b"decomposed"),
            ("/cafe%CC%81", b"decomposed"),
            ("/with%20space+plus%25.txt", b"odd name"),
            ("/docs%2Findex.html", b"documents"),
        ),
    ],
)
def test_a_path_leads_to_its_file(port: int, path: str, body: bytes) -> None:
    assert request(port, path)[::2] == (200, body)
    status, headers, nothing = request(port, path, "HEAD")
    assert (status, headers["content-length"], nothing) == (200, str(len(body)), b"")


@pytest.mark.parametrize(
    ("path", "location"), [("/docs", "/docs/"), ("/docs?a=b", "/docs/?a=b"), ("/about/", "/about"), ("/app.js/", "/app.js"), ("//docs", "/docs/")]
)
def test_a_page_has_one_path(port: int, path: str, location: str) -> None:
    status, headers, _ = request(port, path)
    assert (status, headers["location"]) == (301, location)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/missing",
            "/.env",
            "/docs/.git/config",
            "/passwd",
            "/nowhere",
            "/loop/index.html",
            "/node_modules/x.js",
            "/../app.js",
            "/..%2f..%2fetc/passwd",
        ),
        *("/%00", "/index.html%00", "/%ff%fe", "/%", "/%zz", "/" + "a" * 5000, "/x/.well-known/security.txt", "/.well-known/", "/*"),
    ],
)
def test_what_is_not_there_is_a_404(port: int, path: str) -> None:
    assert request(port, path)[0] == 404


def test_other_methods_are_refused(port: int) -> None:
    status, headers, _ = request(port, "/", "POST")
    assert (status, headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("header", "status", "content_range"),
    [
        ("bytes=0-9", 206, "bytes 0-9/300000"),
        ("bytes=-10", 206, "bytes 299990-299999/300000"),
        ("bytes=299999-", 206, "bytes 299999-299999/300000"),
        ("bytes=10-999999999", 206, "bytes 10-299999/300000"),
        ("bytes=400000-,5-5", 206, "bytes 5-5/300000"),
        ("bytes=300000-", 416, "bytes */300000"),
        ("bytes=-0", 416, "bytes */300000"),
        ("items=0-9", 200, None),
        ("bytes=9-5", 200, None),
        ("bytes=a-b", 200, None),
        ("bytes=" + ",".join("0-" for _ in range(50)), 200, None),
    ],
)
def test_ranges(port: int, header: str, status: int, content_range: str | None) -> None:
    found, headers, body = request(port, "/big.bin", Range=header)
    assert (found, headers["content-range"]) == (status, content_range)
    if content_range and status == 206:
        first, last = map(int, content_range[6:].partition("/")[0].split("-"))
        assert body == BIG[first : last + 1]
    elif status == 200:
        assert body == BIG


def test_a_head_request_has_no_range(port: int) -> None:
    status, headers, _ = request(port, "/big.bin", "HEAD", Range="bytes=0-1")
    assert (status, headers["content-length"]) == (200, "300000")


def test_several_ranges_are_one_answer_of_parts(port: int) -> None:
    status, headers, body = request(port, "/big.bin", Range="bytes=0-4,100-104")
    assert status == 206 and headers["content-type"].startswith("multipart/byteranges") and BIG[100:105] in body


def test_an_unchanged_file_is_not_sent_again(port: int) -> None:
    _, headers, _ = request(port, "/big.bin")
    etag, modified = headers["etag"], headers["last-modified"]
    for condition in ({"If-None-Match": etag}, {"If-None-Match": f'"a", W/{etag}'}, {"If-None-Match": "*"}, {"If-Modified-Since": modified}):
        status, found, body = request(port, "/big.bin", **condition)
        assert (status, found["etag"], body) == (304, etag, b""), condition
    assert request(port, "/big.bin", If_None_Match='"a"', If_Modified_Since=modified)[0] == 200
    assert request(port, "/big.bin", If_Modified_Since="yesterday")[0] == 200
    assert request(port, "/big.bin", If_Match='"a"')[0] == 412
    assert request(port, "/big.bin", Range="bytes=0-1", If_Range=etag)[0] == 206
    assert request(port, "/big.bin", Range="bytes=0-1", If_Range='"a"')[::2] == (200, BIG)


def test_a_compressed_file_beside_it_is_sent_to_who_accepts_it(port: int) -> None:
    _, headers, body = request(port, "/app.js", Accept_Encoding="br;q=0, gzip")
    assert headers["content-encoding"] == "gzip" and gzip.decompress(body) == SCRIPT
    assert headers["content-type"] == "text/javascript; charset=utf-8" and headers["vary"] == "accept-encoding"
    _, plain, body = request(port, "/app.js", Accept_Encoding="gzip;q=0")
    assert body == SCRIPT and plain["content-encoding"] is None and plain["etag"] != headers["etag"]
    assert request(port, "/app.js", Accept_Encoding="gzip", Range="bytes=0-6")[2] == SCRIPT[:7]


def test_text_is_compressed_by_the_build(port: int) -> None:
    _, headers, body = request(port, "/large.css", Accept_Encoding="gzip, deflate, br")
    assert headers["content-encoding"] == "gzip" and gzip.decompress(body) == FILES["large.css"] and headers["vary"] == "accept-encoding"
    assert headers["content-length"] == str(len(body)) and headers["content-type"] == "text/css; charset=utf-8"
    assert request(port, "/large.css", "HEAD", Accept_Encoding="gzip")[1]["content-length"] == str(len(body))
    assert request(port, "/large.css", Accept_Encoding="gzip", If_None_Match=headers["etag"])[0] == 304
    assert request(port, "/large.css")[2] == FILES["large.css"]
    assert request(port, "/large.css.gz")[0] == 404 and request(port, "/big.bin", Accept_Encoding="gzip")[1]["content-encoding"] is None


def test_both_loopbacks_are_served(port: int) -> None:
    assert request(port, "/", host="::1")[::2] == (200, b"home")


def test_slow_clients_delay_nobody(port: int) -> None:
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    for connection in slow:
        connection.sendall(b"GET /big.bin HTTP/1.1\r\n")
    assert request(port, "/")[0] == 200
    for connection in slow:
        connection.sendall(b"Host: a\r\n\r\n")
    assert request(port, "/")[0] == 200
    for connection in slow:
        assert connection.recv(12) == b"HTTP/1.1 200"
        connection.close()


def test_a_stop_waits_for_responses(tmp_path: Path) -> None:
    size = 16 << 20
    source = write(tmp_path / "source", {"large": b"\0"})
    os.truncate(source / "large", size)
    root = tmp_path / "image"
    root.mkdir()
    process, port = start(root, SiteInstaller(root, source).install(source, is_source=False))
    with process, socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        received = len(connection.recv(1000))
        process.send_signal(signal.SIGTERM)
        while data := connection.recv(1 << 20):
            received += len(data)
        assert received > size
        assert process.wait(60) == 0
