"""The account claims domains for applications, and leaves those of the platform alone: without a claim nobody serves a domain."""

import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.knative.api.deploy_account.requests import APPLY, MERGE, denied

CLAIMS = "/apis/networking.internal.knative.dev/v1alpha1/clusterdomainclaims"
MESSAGE = "is for the namespace of an application, before and after"


def claim(host: str, namespace: str) -> dict[str, object]:
    return {
        "apiVersion": "networking.internal.knative.dev/v1alpha1",
        "kind": "ClusterDomainClaim",
        "metadata": {"name": host},
        "spec": {"namespace": namespace},
    }


@pytest.fixture
def platform_host(admin: httpx.Client) -> Iterator[str]:
    host = f"h{uuid.uuid4().hex[:8]}.example.com"
    assert admin.post(CLAIMS, json=claim(host, "capsule")).status_code == 201
    yield host
    assert admin.delete(f"{CLAIMS}/{host}").status_code == 200


def test_the_claim_of_the_platform_cannot_be_changed_or_deleted(deploy: httpx.Client, admin: httpx.Client, platform_host: str) -> None:
    path = f"{CLAIMS}/{platform_host}"
    assert denied(deploy.delete(path), MESSAGE)
    assert denied(deploy.patch(path, headers=MERGE, json={"spec": {"namespace": "app-mine"}}), MESSAGE)
    applied = claim(platform_host, "app-mine")
    assert denied(deploy.patch(path, params={"fieldManager": "t", "force": "true"}, headers=APPLY, json=applied), MESSAGE)
    assert admin.get(path).json()["spec"]["namespace"] == "capsule"


def test_a_domain_is_claimed_for_an_application_only(deploy: httpx.Client) -> None:
    host = f"h{uuid.uuid4().hex[:8]}.example.com"
    assert denied(deploy.post(CLAIMS, json=claim(host, "capsule")), MESSAGE)
    assert deploy.post(CLAIMS, json=claim(host, "app-mine")).status_code == 201
    assert denied(deploy.patch(f"{CLAIMS}/{host}", headers=MERGE, json={"spec": {"namespace": "capsule"}}), MESSAGE)
    assert deploy.delete(f"{CLAIMS}/{host}").status_code == 200
