"""Services that visitors do not reach: of a stopped or paused environment, and of one in maintenance."""

import copy
import json

from functions.deploy.domain.maintenance import Maintenance
from functions.deploy.domain.manifests import Manifest

STOPPED = "capsule.dev/stopped"
STOPPED_BY_USER = "true"
"""Other values are restrictions of the account."""
MAINTENANCE = "capsule.dev/maintenance"
"""Annotation, JSON: `retryAfterSeconds` and `message` (null: a general sentence)."""
PUBLIC_URL = "capsule.dev/url"
"""Annotation of a Service that is hidden for a while: the address that it has again afterwards."""
VISIBILITY = "networking.knative.dev/visibility"
"""Knative's label for a Service without a public address: "cluster-local"."""


def stop(service: Manifest, reason: str) -> Manifest:
    """Return the Service of a stopped or paused environment: no address leads to it from outside, and it scales to zero.

    The template changes only if the environment has minimum instances: another template creates a revision. The
    one-machine Knative reads the annotation too: it ends the instances at once and answers 503 instead of 404.
    """
    stopped = copy.deepcopy(service)
    metadata = stopped["metadata"]
    metadata["annotations"] = {**metadata.get("annotations", {}), STOPPED: STOPPED_BY_USER if reason == "stopped" else reason}
    metadata["labels"][VISIBILITY] = "cluster-local"
    stopped["spec"]["template"]["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"] = "0"
    return stopped


def show_maintenance(service: Manifest, maintenance: Maintenance, url: str) -> Manifest:
    """Return the Service of an environment in maintenance: visitors do not reach it. The template stays, so no revision starts.

    The one-machine Knative keeps the address and answers with a page. Kourier has no pages: without a public address it answers 404.
    `url`: of the application; empty: not known.
    """
    hidden = copy.deepcopy(service)
    metadata = hidden["metadata"]
    page = json.dumps({"message": maintenance.message, "retryAfterSeconds": maintenance.retry_after_seconds})
    metadata["annotations"] = {**metadata.get("annotations", {}), MAINTENANCE: page, **({PUBLIC_URL: url} if url else {})}
    metadata["labels"][VISIBILITY] = "cluster-local"
    return hidden
