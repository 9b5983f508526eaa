"""The account publishes domains of applications and removes them, through the adapter itself, and claims no domain for another namespace."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
import yaml

from functions.deploy.adapters.kubernetes_domains import CLAIMS, MAPPINGS, KubernetesDomains
from functions.deploy.domain import domain_manifests
from functions.deploy.domain.certificate import Certificate, CertificateSource
from functions.deploy.domain.domains import Domain
from functions.runtime.config.settings import Settings
from tests.knative.api.conftest import Server
from tests.knative.api.deploy_account.requests import APPLY, application, denied

CLAIM_PATH = f"/apis/{CLAIMS['group']}/{CLAIMS['version']}/{CLAIMS['plural']}"


@pytest.fixture
def domains(account_server: Server, deploy: httpx.Client, tmp_path: Path) -> KubernetesDomains:
    """The adapter with the account's token."""
    config = yaml.safe_load(account_server.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": deploy.headers["Authorization"].removeprefix("Bearer ")}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    return KubernetesDomains(Settings({"KUBECONFIG": str(tmp_path / "kubeconfig")}))


def test_the_account_publishes_a_domain_and_removes_it(domains: KubernetesDomains, deploy: httpx.Client, admin: httpx.Client) -> None:
    namespace, application_id = application(deploy)
    name, host = namespace.removeprefix("app-"), f"{uuid4().hex[:8]}.example.com"
    domain = Domain(uuid4(), UUID(application_id), "production", host, "token", datetime.now(UTC))
    claim = domain_manifests.claim(domain, name)
    mapping_path = f"/apis/{MAPPINGS['group']}/{MAPPINGS['version']}/namespaces/{namespace}/{MAPPINGS['plural']}/{host}"
    for _ in range(2):
        asyncio.run(domains.apply(claim, domain_manifests.mapping(domain, name, "t" * 43)))
    assert admin.get(f"{CLAIM_PATH}/{host}").json()["spec"]["namespace"] == namespace
    assert "tls" not in admin.get(mapping_path).json()["spec"]

    domain.certificate = Certificate(source=CertificateSource.ACME, chain="chain", sealed_key="sealed")
    asyncio.run(domains.apply(claim, domain_manifests.secret(domain, name, "key"), domain_manifests.mapping(domain, name, "t" * 43)))
    secret = admin.get(mapping_path).json()["spec"]["tls"]["secretName"]
    assert admin.get(f"/api/v1/namespaces/{namespace}/secrets/{secret}").status_code == 200

    for _ in range(2):
        asyncio.run(domains.delete(namespace, host, domain.id, keeps_host=False))
    for path in (mapping_path, f"{CLAIM_PATH}/{host}", f"/api/v1/namespaces/{namespace}/secrets/{secret}"):
        assert admin.get(path).status_code == 404, path


def test_the_account_claims_no_domain_for_the_platform(deploy: httpx.Client) -> None:
    body = {"apiVersion": f"{CLAIMS['group']}/{CLAIMS['version']}", "kind": "ClusterDomainClaim", "metadata": {"name": "mine.example.com"}}
    claim = {**body, "spec": {"namespace": "capsule"}}
    answer = deploy.patch(f"{CLAIM_PATH}/mine.example.com", params={"fieldManager": "t"}, headers=APPLY, json=claim)
    assert denied(answer, "is for the namespace of an application")
