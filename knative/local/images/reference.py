"""References to images: `capsule.local/capsule` is the platform's own, `capsule.local/apps/<application>@sha256:<digest>` an application's."""

import re
from pathlib import Path

PLATFORM = "capsule.local/capsule"
APPLICATIONS = "capsule.local/apps/"
PROJECT = Path(__file__).resolve().parents[3]

NAME = re.compile(r"capsule\.local/apps/[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?")
DIGEST = re.compile(r"[0-9a-f]{64}")
NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""An RFC 1123 label, as Kubernetes requires it of namespaces."""
_REFERENCE = re.compile(rf"(?P<name>{NAME.pattern})@sha256:(?P<digest>{DIGEST.pattern})")
_MENTION = re.compile(rb"@sha256:([0-9a-f]{64})")


def digest_of(reference: str) -> str | None:
    """Return the digest in a reference to an application's image (64 hexadecimal digits); None when it is not such a reference."""
    match = _REFERENCE.fullmatch(reference)
    return match["digest"] if match else None


def is_platform(reference: str) -> bool:
    return reference.split("@", 1)[0].rsplit(":", 1)[0] == PLATFORM


def mentions(document: bytes) -> set[str]:
    """Return the digests anywhere in a JSON document. An object that mentions an image counts as referencing it."""
    return {found.decode() for found in _MENTION.findall(document)}
