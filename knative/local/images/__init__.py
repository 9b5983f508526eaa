"""The image store of one machine, the hand-over of a build's image, and retention.

A cluster pulls `registry/name@sha256:…`. Here a build leaves a folder; `handover` copies and hashes it, `store` keeps
it under its application and its digest, and `garbage_collection` deletes images that are no longer needed (`retention`
decides, pure). A deployment names exactly the bytes that were hashed, and a push needs neither a registry nor a
credential. `unpacking` is the program that unpacks one, in a sandbox.
"""

from knative.local.images.errors import BadImage, UnknownImage
from knative.local.images.image import DEFAULT_COMMAND, MOUNT, SYSTEM_PATH, Image
from knative.local.images.reference import APPLICATIONS, PLATFORM, PROJECT
from knative.local.images.store import Images, Usage
from knative.local.images.tree import digest

__all__ = [
    "APPLICATIONS", "DEFAULT_COMMAND", "MOUNT", "PLATFORM", "PROJECT", "SYSTEM_PATH",
    "BadImage", "Image", "Images", "UnknownImage", "Usage", "digest",
]  # fmt: skip
