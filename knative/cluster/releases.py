"""Releases of the platform that were applied: one ConfigMap each, with the manifests. The newest five stay.

A record has no Secrets, because overlays have none. Its number grows by one; a ConfigMap that exists already cannot be created a second time, so two
operators who apply at the same time notice each other.
"""

import base64
import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from knative.cluster.connection import ClusterApi
from knative.machine.installation_objects import NAMESPACE, Object
from knative.machine.problems import Problem

PREFIX = "capsule-release-"
LABEL = "capsule.dev/release"
MANAGER = "capsule-releases"
KEEP = 5
APPLYING, APPLIED, FAILED = "applying", "applied", "failed"


@dataclass(frozen=True)
class Release:
    """`objects`: as they were rendered. `state`: APPLYING, APPLIED or FAILED. `started_at`: RFC 3339, UTC.

    `source`: the overlay, or `rollback to N`.
    """

    number: int
    image: str
    source: str
    started_at: str
    by: str
    state: str
    objects: tuple[Object, ...] = ()

    @property
    def name(self) -> str:
        return f"{PREFIX}{self.number:04}"

    def manifest(self) -> Object:
        """The ConfigMap. Manifests are JSON, compressed: about 40 KB for one Service per function; a ConfigMap has 1 MiB."""
        packed = gzip.compress(json.dumps(self.objects, separators=(",", ":")).encode(), mtime=0)
        data = {"image": self.image, "source": self.source, "startedAt": self.started_at, "by": self.by, "state": self.state}
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self.name,
                "namespace": NAMESPACE,
                "labels": {"app.kubernetes.io/part-of": "capsule", LABEL: str(self.number)},
            },
            "data": data,
            "binaryData": {"objects.json.gz": base64.b64encode(packed).decode()},
        }

    @classmethod
    def of(cls, item: Object) -> "Release":
        data = item["data"]
        packed = base64.b64decode(item["binaryData"]["objects.json.gz"])
        number = int(item["metadata"]["labels"][LABEL])
        objects = tuple(json.loads(gzip.decompress(packed)))
        return cls(number, data["image"], data["source"], data["startedAt"], data["by"], data["state"], objects)


def history(cluster: ClusterApi) -> list[Release]:
    """All records, the newest first."""
    return sorted((_read(each) for each in cluster.listed("v1", "ConfigMap", NAMESPACE, LABEL)), key=lambda each: each.number, reverse=True)


def _read(item: Object) -> Release:
    """Raises: Problem for a ConfigMap with the label that is no record of a release."""
    try:
        return Release.of(item)
    except (KeyError, TypeError, ValueError, OSError, EOFError) as error:
        name = item["metadata"]["name"]
        raise Problem(f"The ConfigMap {name} is no record of a release.", f"Was it edited? kubectl -n {NAMESPACE} delete configmap {name}") from error


def begin(cluster: ClusterApi, objects: tuple[Object, ...], image: str, source: str, by: str, now: datetime) -> Release:
    """Record that a release is being applied. Raises: Problem when another operator has just begun one."""
    former = history(cluster)
    number = former[0].number + 1 if former else 1
    release = Release(number, image, source, now.isoformat(timespec="seconds"), by, APPLYING, objects)
    if cluster.get(release.manifest()) is not None:
        raise Problem(f"Release {number} is being applied by somebody else.", "Wait, then look at the differences: ./taskw cluster diff")
    cluster.apply([release.manifest()], MANAGER)
    return release


def finish(cluster: ClusterApi, release: Release, state: str) -> Release:
    """Record the end, and delete the oldest records."""
    ended = replace(release, state=state)
    cluster.apply([ended.manifest()], MANAGER)
    for old in history(cluster)[KEEP:]:
        cluster.delete(old.manifest())
    return ended


def former(releases: list[Release], number: int | None = None) -> Release:
    """The release to go back to: `number`, or the last one before the newest that was applied to the end. Raises: Problem."""
    if number is not None:
        found = next((each for each in releases if each.number == number), None)
        if found is None:
            raise Problem(f"There is no release {number}.", f"One of: {', '.join(str(each.number) for each in releases) or 'none was applied'}")
        return found
    for each in releases[1:]:
        if each.state == APPLIED:
            return each
    raise Problem("There is no earlier release that was applied to the end.", "Apply the manifests of the version: ./taskw cluster apply")


def dropped(former_objects: tuple[Object, ...], objects: tuple[Object, ...]) -> list[Object]:
    """Objects of a former release that the next one does not have. Jobs have their own rule (`jobs.outdated`)."""
    current = {key(each) for each in objects}
    return [each for each in former_objects if key(each) not in current and each["kind"] not in ("Job", "Namespace")]


def left_over(cluster: ClusterApi, former: Iterable[Release], objects: tuple[Object, ...]) -> list[Object]:
    """What any of the former releases had, the present one has not, and the cluster still has: more than one release may have left something."""
    found = {key(each): each for release in former for each in dropped(release.objects, objects)}
    kinds = {(each["apiVersion"], each["kind"], each["metadata"].get("namespace")) for each in found.values()}
    present = {key(item) for kind in kinds if cluster.has(*kind[:2]) for item in cluster.read(*kind)}
    return [each for name, each in found.items() if name in present]


def key(item: Object) -> tuple[str, str, str | None, str]:
    """What identifies an object; the version of its API does not."""
    return item["apiVersion"].rpartition("/")[0], item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]
