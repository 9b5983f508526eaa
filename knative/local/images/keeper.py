"""Apply the retention policy: at start, after each build, when something that references an image goes, and every hour."""

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

log = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0
PODS_ENDING_SECONDS = 2.0
"""Between two looks at whether the last pods of a deleted namespace have ended."""
REFERRING = ("Namespace", "Revision.serving.knative.dev", "Job.batch")
"""Kinds whose deletion may free an image."""
SHARE_OF_DISK = 4
LIMIT = "CAPSULE_IMAGE_STORE_GIB"
STATUS = "images.json"


def limit_from(environment: Mapping[str, str], state: Path) -> int:
    """Bytes that all images may take: CAPSULE_IMAGE_STORE_GIB, else a quarter of the disk. Raises ValueError."""
    if not (text := environment.get(LIMIT, "")):
        return shutil.disk_usage(state).total // SHARE_OF_DISK
    try:
        gib = float(text)
    except ValueError:
        gib = 0.0
    if not 0 < gib < 1 << 20:
        raise ValueError(f"{LIMIT} is {text!r}; it must be a number of GiB above 0, as in {LIMIT}=20")
    return int(gib * (1 << 30))


class Keeper:
    """A Part. `has_pods` tells whether a namespace still has a running pod."""

    def __init__(self, images: Images, store: Store, state: Path, *, policy: Policy = Policy(), environment: Mapping[str, str] = os.environ) -> None:
        self.images = images
        self.has_pods: Callable[[str], bool] = lambda namespace: False
        self.limit_bytes = limit_from(environment, state)
        self._store, self._state, self._policy = store, state, policy
        self._due = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Before the API serves: a namespace that went while nobody noticed is gone before another may have its name."""
        try:
            self.images.clean()
            self.keep()
        except OSError:
            log.exception("the image store could not be tidied; it is tried again")
        self._tasks = [asyncio.create_task(self._follow(kind), name=f"images follow {kind}") for kind in REFERRING]
        self._tasks.append(asyncio.create_task(self._run(), name="image retention"))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def referenced(self) -> set[Key]:
        """What an object of an image's namespace mentions: a Service, a Revision, a Job, a Pod or any other."""
        found: set[Key] = set()
        for namespace in self.images.usage():
            for kind in self._store.kinds_in(namespace):
                found.update((namespace, digest) for entry in self._store.entries(kind, namespace) for digest in mentions(entry.data))
        return found

    def keep(self) -> None:
        """One run. Nothing of it waits, so no hand-over and no start of a pod is in between."""
        for namespace in list(self.images.usage()):
            if self._store.find("Namespace", None, namespace) is None:
                self.images.remove_namespace(namespace)
        self._remove(self.limit_bytes)
        self._tell()

    def make_room(self, bytes: int) -> None:
        """Raises BadImage if an image of this size does not fit beside those that must be kept."""
        self._remove(self.limit_bytes - bytes)
        if self.images.bytes + bytes > self.limit_bytes:
            raise BadImage(
                f"The image store is full: it holds {_mib(self.images.bytes)} of at most {_mib(self.limit_bytes)}, and this image has {_mib(bytes)}. "
                f"Delete applications or environments that are no longer needed, or have the operator raise {LIMIT}."
            )

    def schedule(self) -> None:
        self._due.set()

    def reclaimable(self) -> list[Key]:
        """What the policy lets go when the disk is low."""
        return self._to_remove(0)

    def reclaim(self) -> None:
        """Removes what is `reclaimable`."""
        self._remove(0)
        self._tell()

    def _to_remove(self, limit_bytes: int) -> list[Key]:
        return to_remove(self.images.records(), self.referenced(), now=time.time(), limit_bytes=limit_bytes, policy=self._policy)

    def _remove(self, limit_bytes: int) -> None:
        for key in self._to_remove(limit_bytes):
            log.info("the image %s of %s is not kept any longer", key[1][:12], key[0])
            self.images.remove(key)

    def _tell(self) -> None:
        """For `status`."""
        found = {"images": len(self.images.records()), "bytes": self.images.bytes, "limit_bytes": self.limit_bytes}
        write_private(self._state / STATUS, orjson.dumps(found))

    async def _run(self) -> None:
        while True:
            self._due.clear()
            done = True
            try:
                self.keep()
                done = self.images.sweep(self.has_pods)
            except Exception:
                log.exception("the retention of images failed and is tried again")
            try:
                await asyncio.wait_for(self._due.wait(), EVERY_SECONDS if done else PODS_ENDING_SECONDS)
            except TimeoutError:
                continue

    async def _follow(self, kind: str) -> None:
        async for change in self._store.watch(kind):
            if change.type != "DELETED":
                continue
            if kind == "Namespace":
                self.images.remove_namespace(change.object["metadata"]["name"])
            self._due.set()


def _mib(count: int) -> str:
    return f"{count / (1 << 20):,.1f} MiB"
