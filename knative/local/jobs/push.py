"""Store the image of a successful build: what pushing to a registry is on a cluster.

The build holds no credentials, and what it reports is not trusted: the name of the image comes from the Job, the digest
is computed from the platform's own copy. Of the termination message only the fields of its contract are kept
(`knative/builder/__init__.py`), as text.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from knative.local.images import BadImage
from knative.local.images.handover import HandOver, Source
from knative.local.images.record import Record
from knative.local.serving.node import PUSH
from knative.local.serving.pods.exit import MAX_MESSAGE_BYTES, Exit
from knative.local.serving.pods.pod import Pod
from knative.local.unpacking.unpacker import Limits

log = logging.getLogger(__name__)

FAILED = "ImagePushFailed"
FIELDS = ("commit", "kind", "release", "health", "port", "processes")
LIMIT_MIB, ROOT_LIMIT_MIB = "LIMIT_IMAGE_MIB", "LIMIT_ROOT_IMAGE_MIB"
DEFAULT_LIMIT_MIB, DEFAULT_ROOT_LIMIT_MIB = 1024, 3072
OWN_ROOT_KINDS = ("dockerfile", "image")
"""Kinds of images with a root file system of their own."""


async def push(pod: Pod, exit: Exit, hand_over: HandOver) -> Exit:
    """Return the exit of a build's container with the image in its message. A build whose image is not accepted has failed."""
    path: str | None = (pod.object["metadata"].get("annotations") or {}).get(PUSH)
    if path is None or exit.code != 0:
        return exit
    try:
        message = parse(exit.message)
        record = await _store(pod, path, message["kind"], hand_over)
        stored = with_image(message, record)
    except BadImage as error:
        pod.log_line(f"==> Failed: {error}")
        return replace(exit, code=1, reason=FAILED, message=str(error))
    except OSError as error:
        log.exception("the image of %s/%s could not be stored", pod.namespace, pod.name)
        return replace(exit, code=1, reason=FAILED, message=f"The image could not be stored: {error.strerror}.")
    pod.log_line(f"==> Stored {record.reference}, {record.bytes / (1 << 20):,.1f} MiB, {record.files:,} files")
    return replace(exit, message=stored)


def parse(message: str) -> Mapping[str, str]:
    """Return the FIELDS of a termination message; commit and kind are required. orjson bounds its depth. Raises BadImage."""
    try:
        document = orjson.loads(message)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise BadImage("The build succeeded, but its termination message is not a JSON object.")
    fields = {name: document[name] for name in FIELDS if isinstance(document.get(name), str) and document[name]}
    if missing := [name for name in ("commit", "kind") if name not in fields]:
        raise BadImage(f"The build succeeded, but its termination message has no {missing[0]}.")
    return fields


def with_image(message: Mapping[str, str], record: Record) -> str:
    """Return the termination message with the image. Raises BadImage if it is longer than Kubernetes allows."""
    text = orjson.dumps({"image": record.reference, **message})
    if len(text) > MAX_MESSAGE_BYTES:
        raise BadImage(f"The build's termination message is longer than {MAX_MESSAGE_BYTES:,} bytes: shorten the commands of the Procfile.")
    return text.decode()


async def _store(pod: Pod, path: str, kind: str, hand_over: HandOver) -> Record:
    variables = {each["name"]: each.get("value") for each in pod.setup.container.get("env") or []}
    if not (name := variables.get("IMAGE")):
        raise BadImage("The Job of the build has no variable IMAGE with the name of the image.")
    volume = pod.setup.volume_at(path)
    if volume is None:
        raise BadImage(f"{path} is not in a volume of the build.")
    source = Source(*volume, path, has_own_root=kind in OWN_ROOT_KINDS)
    limit_bytes = _limit_bytes(variables, source.has_own_root)
    limits = Limits(bytes=limit_bytes, file_bytes=limit_bytes)
    return await hand_over.store(source, name, pod.namespace, container=pod.ended_container, limits=limits)


def _limit_bytes(variables: Mapping[str, Any], has_own_root: bool) -> int:
    name, default = (ROOT_LIMIT_MIB, DEFAULT_ROOT_LIMIT_MIB) if has_own_root else (LIMIT_MIB, DEFAULT_LIMIT_MIB)
    return int(variables.get(name) or default) << 20
