"""Delete images by the retention policy: at start, after each build, when an object that references an image is deleted, and every hour."""

import asyncio
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import orjson

from knative.local.files import write_private
from knative.local.images.errors import BadImage
from knative.local.images.reference import mentions
from knative.local.images.retention import Policy, to_remove
from knative.local.images.store import Images, Key
from knative.local.store import Store
from knative.local.variables import IMAGE_STORE_GIB

log = logging.getLogger(__name__)

PERIOD_SECONDS = 3600.0
PODS_ENDING_SECONDS = 2.0
"""Between two checks whether the last pods of a deleted namespace have ended."""
REFERENCING_KINDS = ("Namespace", "Revision.serving.knative.dev", "Job.batch", "CronJob.batch", "Deployment.apps")
"""Kinds whose deletion may free an image."""
SHARE_OF_DISK = 4
STATUS = "images.json"


def limit_from(environment: Mapping[str, str], state: Path) -> int:
    """Return the bytes that all images may take: CAPSULE_IMAGE_STORE_GIB, else a quarter of the disk.

    Raises InvalidSetting.
    """
    if not environment.get(IMAGE_STORE_GIB.name):
        return shutil.disk_usage(state).total // SHARE_OF_DISK
    return int(IMAGE_STORE_GIB.read(environment) * (1 << 30))


class ImageGarbageCollector:
    """A Runnable. `has_pods` returns whether a namespace still has a running pod."""

    def __init__(self, images: Images, store: Store, state: Path, *, policy: Policy = Policy(), environment: Mapping[str, str] = os.environ) -> None:
        self.images = images
        self.has_pods: Callable[[str], bool] = lambda namespace: False
        self.limit_bytes = limit_from(environment, state)
        self._store, self._state, self._policy = store, state, policy
        self._scheduled = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Collect once before the API serves: a namespace that was deleted meanwhile must be gone before its name is used again."""
        try:
            self.images.clean()
            self.collect()
        except OSError:
            log.exception("the image store could not be cleaned up; it is retried")
        self._tasks = [asyncio.create_task(self._follow(kind), name=f"images follow {kind}") for kind in REFERENCING_KINDS]
        self._tasks.append(asyncio.create_task(self._run(), name="image garbage collection"))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def referenced(self) -> set[Key]:
        """Return the images that any object of their namespace mentions."""
        found: set[Key] = set()
        for namespace in self.images.usage():
            for kind in self._store.kinds_in(namespace):
                found.update((namespace, digest) for entry in self._store.entries(kind, namespace) for digest in mentions(entry.data))
        return found

    def collect(self) -> None:
        """Delete images once. It does not await, so no hand-over and no start of a pod happens in between."""
        for namespace in list(self.images.usage()):
            if self._store.find("Namespace", None, namespace) is None:
                self.images.remove_namespace(namespace)
        self._remove(self.limit_bytes)
        self._write_status()

    def make_room(self, bytes: int) -> None:
        """Delete images until one of this size fits.

        Raises BadImage when it does not fit beside those that must be kept.
        """
        self._remove(self.limit_bytes - bytes)
        if self.images.bytes + bytes > self.limit_bytes:
            raise BadImage(
                f"The image store is full: it holds {_mib(self.images.bytes)} of at most {_mib(self.limit_bytes)}, and this image has {_mib(bytes)}. "
                f"Delete applications or environments that are no longer needed, or ask the operator to raise {IMAGE_STORE_GIB.name}."
            )

    def schedule(self) -> None:
        """Collect soon."""
        self._scheduled.set()

    def reclaimable(self) -> list[Key]:
        """Return the images that may be deleted when the disk is low."""
        return self._to_remove(0)

    def reclaim(self) -> None:
        """Delete the reclaimable images."""
        self._remove(0)
        self._write_status()

    def _to_remove(self, limit_bytes: int) -> list[Key]:
        return to_remove(self.images.records(), self.referenced(), now=time.time(), limit_bytes=limit_bytes, policy=self._policy)

    def _remove(self, limit_bytes: int) -> None:
        for key in self._to_remove(limit_bytes):
            log.info("deleting image %s of %s", key[1][:12], key[0])
            self.images.remove(key)

    def _write_status(self) -> None:
        """For `./taskw status`."""
        found = {"images": len(self.images.records()), "bytes": self.images.bytes, "limit_bytes": self.limit_bytes}
        write_private(self._state / STATUS, orjson.dumps(found))

    async def _run(self) -> None:
        while True:
            self._scheduled.clear()
            is_complete = True
            try:
                self.collect()
                is_complete = self.images.sweep(self.has_pods)
            except Exception:
                log.exception("the collection of images failed; it is retried")
            try:
                await asyncio.wait_for(self._scheduled.wait(), PERIOD_SECONDS if is_complete else PODS_ENDING_SECONDS)
            except TimeoutError:
                continue

    async def _follow(self, kind: str) -> None:
        async for change in self._store.watch(kind):
            if change.type != "DELETED":
                continue
            if kind == "Namespace":
                self.images.remove_namespace(change.object["metadata"]["name"])
            self._scheduled.set()


def _mib(count: int) -> str:
    return f"{count / (1 << 20):,.1f} MiB"
