"""Manifests of volumes, and how pods mount them."""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from functions.deploy.domain.application import Application
from functions.deploy.domain.manifests import APPLICATION, MANAGED, Manifest
from functions.deploy.domain.volume import Volume
from functions.deploy.domain.volume_snapshot import VolumeSnapshot

VOLUME = "capsule.dev/volume"
"""Label with the id of a volume."""
MOUNTS = "volume.capsule.dev"
"""Prefix of a label of pods that mount a claim, which is its name."""
SNAPSHOT_GROUP = "snapshot.storage.k8s.io"
GROUP_ID = 1000
"""A supplementary group of every process that mounts volumes, and the group of their files: a cluster's volumes belong to root, and an image may
have any user (Kubernetes, fsGroup). On one machine files belong to the process's user."""


@dataclass(frozen=True, slots=True)
class StoragePolicy:
    """How the operator's cluster provides volumes. Empty: the cluster's default class."""

    storage_class: str = ""
    snapshot_class: str = ""
    access_mode: str = "ReadWriteOnce"
    """ReadWriteOnce: instances of one node share a volume, so they are kept together. ReadWriteMany: of all nodes."""

    @property
    def is_of_one_node(self) -> bool:
        return self.access_mode == "ReadWriteOnce"


def claim(volume: Volume, application: Application, policy: StoragePolicy, snapshot: VolumeSnapshot | None) -> Manifest:
    """Render the PersistentVolumeClaim of a volume's present generation. `snapshot`: what it begins with."""
    spec: Manifest = {"accessModes": [policy.access_mode], "resources": {"requests": {"storage": f"{volume.claimed_mib}Mi"}}}
    if policy.storage_class:
        spec["storageClassName"] = policy.storage_class
    if snapshot is not None:
        spec["dataSource"] = {"apiGroup": SNAPSHOT_GROUP, "kind": "VolumeSnapshot", "name": snapshot.object_name}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": _metadata(volume.claim, application, volume),
        "spec": spec,
    }


def volume_snapshot(snapshot: VolumeSnapshot, volume: Volume, application: Application, policy: StoragePolicy) -> Manifest:
    chosen = {"volumeSnapshotClassName": policy.snapshot_class} if policy.snapshot_class else {}
    return {
        "apiVersion": f"{SNAPSHOT_GROUP}/v1",
        "kind": "VolumeSnapshot",
        "metadata": _metadata(snapshot.object_name, application, volume),
        "spec": {**chosen, "source": {"persistentVolumeClaimName": snapshot.claim}},
    }


def mounted(manifest: Manifest, volumes: Sequence[Volume], policy: StoragePolicy) -> Manifest:
    """Return a workload with pods that mount the volumes.

    A volume of one node (ReadWriteOnce) can be mounted by pods of that node only, and the scheduler does not know which pods share one. Those of
    the next release would wait on another node for the former ones to end, which end when the next ones serve. So they are required to be together.
    """
    if not volumes:
        return manifest
    manifest = copy.deepcopy(manifest)
    spec = manifest["spec"]
    pod = (spec.get("jobTemplate", {}).get("spec") or spec)["template"]["spec"]
    (container,) = pod["containers"]
    container["volumeMounts"] = [*container.get("volumeMounts", ()), *({"name": each.claim, "mountPath": each.mount_path} for each in volumes)]
    pod["volumes"] = [*pod.get("volumes", ()), *({"name": each.claim, "persistentVolumeClaim": {"claimName": each.claim}} for each in volumes)]
    pod["securityContext"] = {**pod.get("securityContext", {}), "fsGroup": GROUP_ID}
    if policy.is_of_one_node:
        template = (spec.get("jobTemplate", {}).get("spec") or spec)["template"]
        labels = {f"{MOUNTS}/{each.claim}": "true" for each in volumes}
        template["metadata"] = {**template.get("metadata", {}), "labels": {**template.get("metadata", {}).get("labels", {}), **labels}}
        pod["affinity"] = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [_together(*each) for each in labels.items()]}}
    return manifest


def _together(label: str, value: str) -> Manifest:
    """The first pod is scheduled although no other has the label, because it has the label itself (Kubernetes, Inter-pod affinity)."""
    return {"labelSelector": {"matchLabels": {label: value}}, "topologyKey": "kubernetes.io/hostname"}


def serving(volumes: Iterable[Volume], environment: str, process: str) -> list[Volume]:
    """The volumes that a process of an environment has, by their paths."""
    return sorted((each for each in volumes if each.serves(environment, process)), key=lambda each: each.mount_path or "")


def _metadata(name: str, application: Application, volume: Volume) -> Manifest:
    labels = {APPLICATION: str(application.id), VOLUME: str(volume.id), MANAGED: "true"}
    return {"name": name, "namespace": application.namespace, "labels": labels}
