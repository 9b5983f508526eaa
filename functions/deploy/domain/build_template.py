"""The operator's template of the build Job: its images have names in the template, and what they stand for is beside it.

    image: $(platform-image)      the content of the key `platform-image` of the same ConfigMap

So an overlay sets them with kustomize's `replacements` or a patch of one line: `images` does not reach into a text.
"""

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

REFERENCE = re.compile(r"\$\(([a-z][a-z0-9-]*)\)")


def with_images(template: Mapping[str, Any], image_of: Callable[[str], str]) -> dict[str, Any]:
    """Return the template with the images that its containers refer to. `image_of`: image by name."""
    job = copy.deepcopy(dict(template))
    pod = job["spec"]["template"]["spec"]
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        container["image"] = REFERENCE.sub(lambda reference: image_of(reference[1]).strip(), container["image"])
    return job
