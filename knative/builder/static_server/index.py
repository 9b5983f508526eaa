"""The files of a site, and which of them answers a path (pure)."""

import mimetypes
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

SITE_FOLDER, ENCODED_FOLDER = "site", "encoded"
"""Folders of the image: the site's own files, and those that the build compressed, by the same names with a suffix."""
INDEX_PAGE, NOT_FOUND_PAGE, APPLICATION_PAGE = "index.html", "404.html", "200.html"
ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""Content coding (RFC 9110 section 8.4.1) → suffix of the compressed file beside a file, best first."""
REVALIDATE, IMMUTABLE = "public, max-age=0, must-revalidate", "public, max-age=31536000, immutable"
TYPES = {
    ".atom": "application/atom+xml", ".avif": "image/avif", ".css": "text/css", ".csv": "text/csv", ".eot": "application/vnd.ms-fontobject",
    ".flac": "audio/flac", ".gif": "image/gif", ".glb": "model/gltf-binary", ".gltf": "model/gltf+json", ".gz": "application/gzip",
    ".htm": "text/html", ".html": "text/html", ".ico": "image/x-icon", ".ics": "text/calendar", ".jpeg": "image/jpeg", ".jpg": "image/jpeg",
    ".js": "text/javascript", ".json": "application/json", ".jsonld": "application/ld+json", ".map": "application/json", ".md": "text/markdown",
    ".mjs": "text/javascript", ".mp3": "audio/mpeg", ".mp4": "video/mp4", ".ogg": "audio/ogg", ".otf": "font/otf", ".pdf": "application/pdf",
    ".png": "image/png", ".rss": "application/rss+xml", ".svg": "image/svg+xml", ".svgz": "image/svg+xml", ".ttf": "font/ttf", ".txt": "text/plain",
    ".vtt": "text/vtt", ".wasm": "application/wasm", ".wav": "audio/wav", ".webm": "video/webm", ".webmanifest": "application/manifest+json",
    ".webp": "image/webp", ".woff": "font/woff", ".woff2": "font/woff2", ".xhtml": "application/xhtml+xml", ".xml": "application/xml",
    ".yaml": "application/yaml", ".yml": "application/yaml", ".zip": "application/zip",
}  # fmt: skip
"""Media types of the web (IANA). The rest is what Python knows, without the files of the machine, which differ."""
UNKNOWN_TYPE = "application/octet-stream"
_TYPES_BY_NAME = {"apple-app-site-association": "application/json"}
_CHARSET = re.compile(r"text/|application/(json|javascript|xml|yaml|manifest\+json|(atom|ld|rss|xhtml)\+(xml|json))$|image/svg\+xml$")
_KNOWN = mimetypes.MimeTypes(filenames=())
_HEX_HASH = re.compile(r"[.-](?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,64}(\.[a-z]+)+$", re.ASCII)
_MIXED_HASH = re.compile(r"[.-](?=[\w-]*[0-9])(?=[\w-]*[A-Z])[\w-]{8}(\.[a-z]+)?\.(js|mjs|css|wasm|woff2?)$", re.ASCII)
_BUNDLER_FOLDERS = frozenset(("assets", "_astro", "_nuxt"))
_IMMUTABLE_FOLDERS = ("_next/static/", "_app/immutable/")


@dataclass(frozen=True, slots=True)
class File:
    name: str
    """Its path in the site, with `/` between the parts. Bytes that are not UTF-8 are surrogates (os.fsdecode)."""
    size: int
    """In bytes."""
    digest: str
    """Of its content, without characters that an entity tag must not have."""
    folder: str = SITE_FOLDER
    """In the image."""


@dataclass(frozen=True, slots=True)
class Found:
    """The file that answers a path. `status`: 200, or 404 for the site's own page."""

    file: File
    status: int = 200


@dataclass(frozen=True, slots=True)
class Moved:
    """The page is at another path of the site, encoded for a URL."""

    path: str


class Index:
    """The files that a site serves."""

    def __init__(self, files: Iterable[File], is_single_page: bool = False) -> None:
        """`is_single_page`: index.html answers every path of the application, unless the site has a page for what is not found.

        200.html always does (surge.sh's and SvelteKit's name for the page of an application of one page).
        """
        files = list(files)
        self._files: Mapping[str, File] = {file.name: file for file in files if file.folder == SITE_FOLDER}
        self._variants: Mapping[str, File] = {file.name: file for file in files if file.folder == ENCODED_FOLDER} | self._files
        self._composed: Mapping[str, str] = {unicodedata.normalize("NFC", name): name for name in self._files}
        self._is_single_page = is_single_page

    def __len__(self) -> int:
        return len(self._files)

    def find(self, path: str) -> Found | Moved | None:
        """Return what answers a path of a URL, which is percent-encoded and has no query. None: nothing does.

        In this order: the file itself, `PATH.html`, `PATH/index.html` at the path with a slash at its end, the application of one page, 404.html.
        """
        decoded = unquote_to_bytes(path).decode("utf-8", "surrogateescape")
        parts = [part for part in decoded.split("/") if part]
        name, is_folder = "/".join(parts), decoded.endswith("/") or not parts
        if any(part in (".", "..") or _is_hidden(part, position) for position, part in enumerate(parts)):
            return self._missing(name)
        if not is_folder and (file := self._file(name) or self._file(f"{name}.html")):
            return Found(file)
        if page := self._file(f"{name}/{INDEX_PAGE}" if name else INDEX_PAGE):
            return Found(page) if is_folder else Moved(f"/{_encoded(name)}/")
        if is_folder and name and (self._file(f"{name}.html") or self._file(name)):
            return Moved(f"/{_encoded(name)}")
        return self._missing(name)

    def encoded(self, file: File, accept_encoding: str) -> tuple[File, str]:
        """Return the file to send and its content coding, "" for the file itself."""
        accepted = _accepted_codings(accept_encoding)
        for coding, suffix in ENCODINGS.items():
            if coding in accepted and (variant := self._variants.get(file.name + suffix)):
                return variant, coding
        return file, ""

    def has_encodings(self, file: File) -> bool:
        return any(file.name + suffix in self._variants for suffix in ENCODINGS.values())

    def _missing(self, name: str) -> Found | None:
        is_route = not name.startswith(".") and "\0" not in name and media_type(name) == UNKNOWN_TYPE
        if is_route and (application := self._files.get(APPLICATION_PAGE)):
            return Found(application)
        if page := self._files.get(NOT_FOUND_PAGE):
            return Found(page, 404)
        application = self._files.get(INDEX_PAGE)
        return Found(application) if self._is_single_page and application and is_route else None

    def _file(self, name: str) -> File | None:
        """Find a file also under the other Unicode form of its name: macOS writes decomposed names (UAX #15), browsers send composed ones."""
        return self._files.get(name) or self._files.get(self._composed.get(unicodedata.normalize("NFC", name), ""))


def is_served(parts: Iterable[str]) -> bool:
    """Return whether a file may be part of a site: no hidden file or folder, except the well-known locations (RFC 8615)."""
    return not any(_is_hidden(part, position) for position, part in enumerate(parts))


def media_type(name: str) -> str:
    """Return the media type of a file by its extension; UNKNOWN_TYPE for all others."""
    last = name.rpartition("/")[2]
    if last in _TYPES_BY_NAME:
        return _TYPES_BY_NAME[last]
    base, dot, extension = last.rpartition(".")
    suffix = (dot + extension).lower()
    if not (base and dot):
        return UNKNOWN_TYPE
    return TYPES.get(suffix) or next((table[suffix] for table in reversed(_KNOWN.types_map) if suffix in table), UNKNOWN_TYPE)


def is_compressible(name: str) -> bool:
    kind = media_type(name)
    return _CHARSET.match(kind) is not None or kind in ("application/wasm", "font/ttf", "font/otf")


def content_type(name: str) -> str:
    """Return the value of Content-Type. Text is declared as UTF-8."""
    kind = media_type(name)
    return f"{kind}; charset=utf-8" if _CHARSET.match(kind) else kind


def cache_control(name: str) -> str:
    """Return the value of Cache-Control: a year for a name with a hash of the content, as bundlers write it; else revalidation."""
    folder, _, base = name.rpartition("/")
    is_bundled = folder.startswith(_IMMUTABLE_FOLDERS) or f"{folder}/".startswith(_IMMUTABLE_FOLDERS)
    has_hash = _HEX_HASH.search(base) is not None or (not _BUNDLER_FOLDERS.isdisjoint(folder.split("/")) and _MIXED_HASH.search(base) is not None)
    return IMMUTABLE if (is_bundled or has_hash) and not base.endswith(".html") else REVALIDATE


def _is_hidden(part: str, position: int) -> bool:
    return part.startswith(".") and not (position == 0 and part == ".well-known")


def _encoded(name: str) -> str:
    return quote(name.encode("utf-8", "surrogateescape"))


def _accepted_codings(header: str) -> set[str]:
    """Return the content codings that an Accept-Encoding allows by name (RFC 9110 section 12.5.3)."""
    accepted = set()
    for part in header.lower().split(","):
        coding, *parameters = (each.strip() for each in part.split(";"))
        if not any(re.fullmatch(r"q=0(\.0*)?", each) for each in parameters):
            accepted.add(coding)
    return accepted
