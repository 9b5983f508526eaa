"""Images as builds leave them, and a store that takes them with plain processes."""

import json
from pathlib import Path
from typing import Any

from knative.local import definitions
from knative.local.images import Images
from knative.local.images.garbage_collection import ImageGarbageCollector
from knative.local.images.handover import HandOver, Source
from knative.local.images.plain import PlainRunner
from knative.local.images.record import Record
from knative.local.store import Store
from knative.local.unpacking.unpacker import Limits

NAME = "capsule.local/apps/shop"
NAMESPACE = "app-shop"


def image(folder: Path, text: str = "a") -> Path:
    """Create an image as a builder leaves it."""
    (folder / "rootfs" / "sub").mkdir(parents=True)
    (folder / "rootfs" / "sub" / "a").write_text(text)
    (folder / "rootfs" / "run").write_text("#!/bin/sh\n")
    (folder / "rootfs" / "run").chmod(0o755)
    (folder / "rootfs" / "link").symlink_to("run")
    (folder / "image.json").write_text(json.dumps({"cmd": ["./run", "{root}"], "env": {"HERE": "{root}"}}))
    return folder


class Shop:
    """An image store with garbage collection and hand-over, without a running platform."""

    def __init__(self, folder: Path, *, limit_gib: str = "1", **more: Any) -> None:
        self.state = folder / "state"
        self.state.mkdir(parents=True, exist_ok=True)
        self.objects = Store(folder / "store.db", definitions.load())
        self.images = Images(self.state, **more)
        self.collector = ImageGarbageCollector(self.images, self.objects, self.state, environment={"CAPSULE_IMAGE_STORE_GIB": limit_gib})
        self.runner = PlainRunner()
        self.hand_over = HandOver(self.images, self.collector, self.runner)

    async def store(self, workspace: Path, namespace: str = NAMESPACE, limits: Limits = Limits(), name: str = NAME) -> Record:
        return await self.hand_over.store(Source(workspace, "/workspace", "/workspace/image"), name, namespace, limits=limits)

    def place(self, record: Record) -> Path:
        return self.state / "images" / "apps" / record.namespace / record.digest

    def namespace(self, name: str) -> None:
        self.objects.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def service(self, namespace: str, reference: str, name: str = "web") -> None:
        metadata, spec = {"name": name, "namespace": namespace}, {"template": {"spec": {"containers": [{"image": reference}]}}}
        self.objects.create({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": metadata, "spec": spec})
