"""Volumes on the cluster: PersistentVolumeClaims, and VolumeSnapshots of its CSI driver. The one-machine Knative has both."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from functions.deploy.adapters.kubernetes_client import KubernetesClient
from functions.deploy.adapters.kubernetes_errors import NotFound
from functions.deploy.adapters.kubernetes_workloads import APPLY
from functions.deploy.domain.manifests import Manifest
from functions.deploy.domain.process_scaling import FIELD_MANAGER
from functions.deploy.domain.volume_manifests import SNAPSHOT_GROUP, VOLUME
from functions.deploy.domain.volume_readings import ClaimReading, read_claim
from functions.deploy.ports import ClusterRefused
from functions.runtime.storage.external_call import external_call

PROVISION_SECONDS = 10.0
"""After that a claim counts as accepted: classes with WaitForFirstConsumer provide storage with the first pod."""
STALE_SECONDS = 2.0
"""So long a failure may be that of an earlier attempt."""
SNAPSHOT_SECONDS = 40.0
SNAPSHOTS = {"group": SNAPSHOT_GROUP, "version": "v1", "plural": "volumesnapshots"}
OPTIONS = {"field_manager": FIELD_MANAGER, "force": True, "_content_type": APPLY}


class KubernetesVolumes(KubernetesClient):
    @external_call
    async def provide(self, claim: Manifest) -> ClaimReading:
        return await asyncio.to_thread(self._refused_if_missing, self._provide, claim)

    @external_call
    async def delete_claims(self, namespace: str, volume_id: UUID, except_for: Sequence[str] = ()) -> None:
        with suppress(NotFound):
            await asyncio.to_thread(self._delete_claims, namespace, volume_id, except_for)

    @external_call
    async def read(self, namespace: str, claim: str) -> ClaimReading | None:
        with suppress(NotFound):
            return read_claim(await asyncio.to_thread(self._read, namespace, claim))
        return None

    @external_call
    async def take(self, snapshot: Manifest) -> str | None:
        return await asyncio.to_thread(self._refused_if_missing, self._take, snapshot)

    @external_call
    async def delete_snapshot(self, namespace: str, name: str) -> None:
        def delete() -> None:
            self._within(namespace, self._custom().delete_namespaced_custom_object, **SNAPSHOTS, namespace=namespace, name=name)

        with suppress(NotFound):
            await asyncio.to_thread(delete)

    def _refused_if_missing(self, call: Callable[[Manifest], Any], manifest: Manifest) -> Any:
        try:
            return call(manifest)
        except NotFound as missing:
            raise ClusterRefused(str(missing)) from missing

    def _provide(self, claim: Manifest) -> ClaimReading:
        name, namespace = claim["metadata"]["name"], claim["metadata"]["namespace"]
        patch = self._core().patch_namespaced_persistent_volume_claim
        reading = read_claim(self._within(namespace, patch, name, namespace, body=claim, **OPTIONS))
        began = time.monotonic()
        while (seconds := time.monotonic() - began) < PROVISION_SECONDS:
            if (reading.is_bound and reading.capacity_bytes >= reading.requested_bytes) or (reading.failure and seconds > STALE_SECONDS):
                break
            time.sleep(0.1)
            reading = read_claim(self._read(namespace, name))
        return reading

    def _read(self, namespace: str, name: str) -> Any:
        return self._within(namespace, self._core().read_namespaced_persistent_volume_claim, name, namespace)

    def _delete_claims(self, namespace: str, volume_id: UUID, except_for: Sequence[str]) -> None:
        found = self._within(namespace, self._core().list_namespaced_persistent_volume_claim, namespace, label_selector=f"{VOLUME}={volume_id}")
        for each in found["items"]:
            if (name := each["metadata"]["name"]) not in except_for:
                with suppress(NotFound):
                    self._within(namespace, self._core().delete_namespaced_persistent_volume_claim, name, namespace)

    def _take(self, snapshot: Manifest) -> str | None:
        name, namespace = snapshot["metadata"]["name"], snapshot["metadata"]["namespace"]
        resource = {**SNAPSHOTS, "namespace": namespace, "name": name}
        self._within(namespace, self._custom().patch_namespaced_custom_object, **resource, body=snapshot, **OPTIONS)
        until = time.monotonic() + SNAPSHOT_SECONDS
        while time.monotonic() < until:
            status = self._within(namespace, self._custom().get_namespaced_custom_object, **resource).get("status") or {}
            if status.get("readyToUse"):
                return None
            if message := (status.get("error") or {}).get("message"):
                return str(message)
            time.sleep(0.1)
        return f"the storage did not complete it within {SNAPSHOT_SECONDS:g} s"
