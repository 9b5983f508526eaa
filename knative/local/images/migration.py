"""Migrate images of an earlier layout (`<state>/images/sha256/<digest>`, shared by all applications) into the store.

Each image that a Service or Revision still names is handed over once for each application; the rest is deleted.
"""

import asyncio
import logging
import re
from pathlib import Path

from knative.local.images.errors import BadImage
from knative.local.images.handover import HandOver, Source
from knative.local.images.reference import DIGEST, NAME
from knative.local.images.store import Images
from knative.local.store import Store

log = logging.getLogger(__name__)

KINDS = ("Service.serving.knative.dev", "Configuration.serving.knative.dev", "Revision.serving.knative.dev")
_REFERENCE = re.compile(rf"(?P<name>{NAME.pattern})@sha256:(?P<digest>{DIGEST.pattern})".encode())


class Migration:
    """A Runnable. Pods that need an image wait until the migration has ended."""

    def __init__(self, images: Images, hand_over: HandOver, store: Store, state: Path) -> None:
        self._images, self._hand_over, self._store = images, hand_over, store
        self._former = state / "images" / "sha256"
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._former.is_dir():
            self._images.migrated.clear()
            self._task = asyncio.create_task(self._run(), name="migrate images")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            for namespace, name, digest in sorted(self._referenced()):
                await self._migrate(namespace, name, digest)
            self._images.trash.discard(self._former)
        except OSError:
            log.exception("images of an earlier layout could not be migrated; it is retried at the next start")
        finally:
            self._images.migrated.set()

    def _referenced(self) -> set[tuple[str, str, str]]:
        """Return (namespace, name, digest)."""
        return {
            (entry.key[1], match["name"].decode(), match["digest"].decode())
            for kind in KINDS
            for entry in self._store.entries(kind)
            for match in _REFERENCE.finditer(entry.data)
            if (self._former / match["digest"].decode()).is_dir()
        }

    async def _migrate(self, namespace: str, name: str, digest: str) -> None:
        source = Source(self._former, "/former", f"/former/{digest}")
        try:
            record = await self._hand_over.store(source, name, namespace)
        except BadImage as error:
            log.error("the image %s@sha256:%s of %s must be deployed again: %s", name, digest, namespace, error)
            return
        if record.digest != digest:
            log.error("the image %s@sha256:%s of %s is damaged and must be deployed again", name, digest, namespace)
