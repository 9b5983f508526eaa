"""The one-machine `push`: when a build's container has ended well, its image goes into the image store.

The build holds no credential and nothing it says is trusted: the image's name is what the platform put into the Job, its digest is computed from the
platform's own copy. Of the termination message only the fields of the contract are kept (`knative/builder/__init__.py`), as text.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from knative.local.images import BadImage
from knative.local.images.handover import HandOver, Source
from knative.local.images.record import Record
from knative.local.images.unpack import Limits
from knative.local.serving.node import PUSH
from knative.local.serving.pods.exit import MESSAGE_BYTES, Exit
from knative.local.serving.pods.pod import Pod

log = logging.getLogger(__name__)

FAILED = "ImagePushFailed"
FIELDS = ("commit", "kind", "release")
LIMIT_MIB = "LIMIT_IMAGE_MIB"
DEFAULT_LIMIT_MIB = 1024


async def push(pod: Pod, exit: Exit, hand_over: HandOver) -> Exit:
    """The container's end, with the image in its message. A build whose image is not accepted has failed."""
    path: str | None = (pod.object["metadata"].get("annotations") or {}).get(PUSH)
    if path is None or exit.code != 0:
        return exit
    try:
        message = parse(exit.message)
        record = await _store(pod, path, hand_over)
        stored = written(message, record)
    except BadImage as error:
        pod.say(f"==> Failed: {error}")
        return replace(exit, code=1, reason=FAILED, message=str(error))
    except OSError as error:
        log.exception("the image of %s/%s is not stored", pod.namespace, pod.name)
        return replace(exit, code=1, reason=FAILED, message=f"The image could not be stored: {error.strerror}.")
    pod.say(f"==> Stored {record.reference}, {record.bytes / (1 << 20):,.1f} MiB, {record.files:,} files")
    return replace(exit, message=stored)


def parse(message: str) -> Mapping[str, str]:
    """What a build says of itself: commit, kind and, if it has one, its release command. orjson bounds the depth. Raises BadImage."""
    try:
        found = orjson.loads(message)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadImage("The build ended well but its termination message is no JSON object.")
    fields = {name: found[name] for name in FIELDS if isinstance(found.get(name), str) and found[name]}
    if missing := [name for name in ("commit", "kind") if name not in fields]:
        raise BadImage(f"The build ended well but its termination message names no {missing[0]}.")
    return fields


def written(message: Mapping[str, str], record: Record) -> str:
    """The message with the image. Raises BadImage when it is longer than Kubernetes allows."""
    text = orjson.dumps({"image": record.reference, **message})
    if len(text) > MESSAGE_BYTES:
        raise BadImage(f"The build's termination message is longer than {MESSAGE_BYTES:,} bytes: shorten the Procfile's release command.")
    return text.decode()


async def _store(pod: Pod, path: str, hand_over: HandOver) -> Record:
    variables = {each["name"]: each.get("value") for each in pod.box.container.get("env") or []}
    if not (name := variables.get("IMAGE")):
        raise BadImage("The Job of the build has no variable IMAGE that names the image.")
    volume = pod.box.volume_at(path)
    if volume is None:
        raise BadImage(f"{path} is in no volume of the build.")
    limits = Limits(bytes=_limit(variables), file_bytes=_limit(variables))
    return await hand_over.store(Source(*volume, path), name, pod.namespace, identity=pod.identity, limits=limits)


def _limit(variables: Mapping[str, Any]) -> int:
    return int(variables.get(LIMIT_MIB) or DEFAULT_LIMIT_MIB) << 20
