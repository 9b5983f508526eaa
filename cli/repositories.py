"""Addresses of git repositories, as people type them and as git configurations hold them. Pure."""

import re
from urllib.parse import urlsplit, urlunsplit

SHORT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?/[A-Za-z0-9._-]+")
"""`owner/repo`, by GitHub's rules for names of owners."""
WITHOUT_SCHEME = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::\d+)?/\S+")
SCP_LIKE = re.compile(r"(?:[^@/:\s]+@)?(?P<host>[^/:\s]+):(?!//)(?P<path>\S+)")
PAGE = re.compile(
    r"(?P<repository>https?://[^/\s]+/[^/\s]+/[^\s?#]+?)(?:/-)?/(?:tree|blob|src/branch)/(?P<branch>[^/?#\s]+)(?:/(?P<folder>[^?#\s]*))?(?:[?#]\S*)?"
)
"""A page of GitHub, GitLab or Forgejo that shows a folder of a repository, as browsers copy it."""
MAX_NAME_LENGTH = 40


def expand_address(text: str) -> str:
    """Return the address that git understands: `owner/repo` is a repository at GitHub, and `host.org/repo` has the scheme https."""
    if "://" in text:
        return text
    if SHORT.fullmatch(text):
        return f"https://github.com/{text}"
    return f"https://{text}" if WITHOUT_SCHEME.fullmatch(text) else text


def command_of_page(text: str) -> str:
    """Return the command that creates the application of a page of a repository: `…/tree/main/services/api`. "" for other addresses."""
    match = PAGE.fullmatch(text)
    if match is None:
        return ""
    repository, folder = match["repository"], (match["folder"] or "").strip("/")
    directory = f" --directory {folder}" if folder else ""
    return f"capsule apps create {application_name(repository) or 'NAME'} {repository} --branch {match['branch']}{directory}"


def is_address(text: str) -> bool:
    """Return whether a word is a repository and not a name."""
    return "/" in text or ":" in text


def without_credentials(address: str) -> str:
    """Return an HTTP address without user name and password. SSH addresses keep their user: it is part of the address."""
    parts = urlsplit(address)
    if parts.scheme.lower() not in ("http", "https") or "@" not in parts.netloc:
        return address
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def identity(address: str) -> str:
    """Return what the addresses of one repository have in common, whatever the protocol: `github.com/ada/shop`."""
    text = expand_address(address.strip())
    if "://" in text:
        parts = urlsplit(text)
        location = f"{(parts.hostname or '').lower()}/{parts.path.strip('/')}"
    elif match := SCP_LIKE.fullmatch(text):
        location = f"{match['host'].lower()}/{match['path'].strip('/')}"
    else:
        location = text.rstrip("/")
    return location.removesuffix(".git")


def application_name(text: str) -> str:
    """Return a valid name of an application from a folder or an address: `My_Shop.git` is `my-shop`. Empty if nothing is left."""
    last = re.split(r"[/:]", text.rstrip("/"))[-1].removesuffix(".git")
    name = re.sub(r"[^a-z0-9]+", "-", last.lower()).lstrip("-0123456789")
    return name[:MAX_NAME_LENGTH].strip("-")


def image_name(reference: str) -> str:
    """Return the last component of an image reference, without tag and digest: `shop` of `ghcr.io/ada/shop:1.4`."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[0]
