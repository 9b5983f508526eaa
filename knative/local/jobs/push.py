"""The one-machine `push`: a build's container has ended well and said which image it made; its folder goes into the image store.

The build held no credential and is believed in nothing: the digest is worked out again from the bytes that it left.
"""

import asyncio
import json
from dataclasses import replace

from knative.local.images import BadImage, Images
from knative.local.serving.node import PUSH
from knative.local.serving.pod_exit import Exit
from knative.local.serving.pods import Pod

FAILED = "ImagePushFailed"


def path_of(pod: Pod) -> str | None:
    path: str | None = (pod.object["metadata"].get("annotations") or {}).get(PUSH)
    return path


async def push(pod: Pod, exit: Exit, images: Images) -> Exit:
    """The container's end as it is told: a build whose image cannot be taken has failed."""
    path = path_of(pod)
    if path is None or exit.code != 0:
        return exit
    try:
        said = json.loads(exit.message)
        claimed = said["image"]
        if not isinstance(claimed, str):
            raise TypeError("its image is no text")
    except (ValueError, KeyError, TypeError) as error:
        return replace(exit, code=1, reason=FAILED, message=f"the build ended well but did not say which image it made: {error!r}")
    folder = pod.box.at(path)
    if folder is None:
        return replace(exit, code=1, reason=FAILED, message=f"{path} is in no volume of the build")
    try:
        await asyncio.to_thread(images.push, folder, claimed)
    except (BadImage, OSError) as error:
        return replace(exit, code=1, reason=FAILED, message=f"the image was not accepted: {error}")
    return exit
