"""The objects of domains, through the Kubernetes API: the same calls on a cluster and on one machine."""

import asyncio
from contextlib import suppress
from typing import Any
from uuid import UUID

from functions.deploy.adapters.kubernetes_client import KubernetesClient
from functions.deploy.adapters.kubernetes_errors import NotFound
from functions.deploy.adapters.kubernetes_workloads import APPLY
from functions.deploy.domain.cluster_certificates import ClusterCertificate, read_certificate
from functions.deploy.domain.domain_manifests import DOMAIN, secret_name_of
from functions.deploy.domain.manifests import Manifest
from functions.deploy.domain.process_scaling import FIELD_MANAGER
from functions.runtime.storage.external_call import external_call

CLAIMS = {"group": "networking.internal.knative.dev", "version": "v1alpha1", "plural": "clusterdomainclaims"}
MAPPINGS = {"group": "serving.knative.dev", "version": "v1beta1", "plural": "domainmappings"}
CERTIFICATES = {"group": "cert-manager.io", "version": "v1", "plural": "certificates"}
RESOURCES = {"DomainMapping": MAPPINGS, "Certificate": CERTIFICATES}


class KubernetesDomains(KubernetesClient):
    @external_call
    async def apply(self, claim: Manifest, *objects: Manifest) -> None:
        await asyncio.to_thread(self._apply_all, claim, objects)

    @external_call
    async def read_certificate(self, namespace: str, domain_id: UUID) -> ClusterCertificate | None:
        resource = {**CERTIFICATES, "namespace": namespace, "name": secret_name_of(domain_id)}
        with suppress(NotFound):
            return read_certificate(await asyncio.to_thread(self._within, namespace, self._custom().get_namespaced_custom_object, **resource))
        return None

    @external_call
    async def delete(self, namespace: str, host: str, domain_id: UUID, *, keeps_host: bool) -> None:
        await asyncio.to_thread(self._delete, namespace, host, domain_id, keeps_host)

    def _apply_all(self, claim: Manifest, objects: tuple[Manifest, ...]) -> None:
        patch: dict[str, Any] = {"field_manager": FIELD_MANAGER, "force": True, "_content_type": APPLY}
        with suppress(NotFound):
            for each in objects:
                namespace, name = each["metadata"]["namespace"], each["metadata"]["name"]
                if each["kind"] == "Secret":
                    self._within(namespace, self._core().patch_namespaced_secret, name, namespace, body=each, **patch)
            self._call(self._custom().patch_cluster_custom_object, **CLAIMS, name=claim["metadata"]["name"], body=claim, **patch)
            for each in objects:
                namespace, name = each["metadata"]["namespace"], each["metadata"]["name"]
                if (resource := RESOURCES.get(each["kind"])) is None:
                    continue
                try:
                    method = self._custom().patch_namespaced_custom_object
                    self._within(namespace, method, **resource, namespace=namespace, name=name, body=each, **patch)
                except NotFound:
                    if each["kind"] != "Certificate":
                        raise  # `read_certificate` reports that there is no cert-manager; the domain is served

    def _delete(self, namespace: str, host: str, domain_id: UUID, keeps_host: bool) -> None:
        name, selector = secret_name_of(domain_id), f"{DOMAIN}={domain_id}"
        with suppress(NotFound):  # before its Secret, which cert-manager would make again
            self._within(namespace, self._custom().delete_namespaced_custom_object, **CERTIFICATES, namespace=namespace, name=name)
        with suppress(NotFound):
            self._within(namespace, self._core().delete_collection_namespaced_secret, namespace, label_selector=selector)
        if keeps_host:
            return
        with suppress(NotFound):
            self._within(namespace, self._custom().delete_namespaced_custom_object, **MAPPINGS, namespace=namespace, name=host)
        with suppress(NotFound):
            found = self._call(self._custom().get_cluster_custom_object, **CLAIMS, name=host)
            if found["spec"]["namespace"] == namespace:
                version = found["metadata"]["resourceVersion"]
                body = {"preconditions": {"resourceVersion": version}}
                self._call(self._custom().delete_cluster_custom_object, **CLAIMS, name=host, body=body)
