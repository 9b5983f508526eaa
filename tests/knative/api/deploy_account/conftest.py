"""A server with the deploy account, its permissions and its policies."""

from collections.abc import Iterator

import httpx
import pytest

from tests.deploy.account import ACCOUNT, PATHS, objects
from tests.knative.api.conftest import Server
from tests.knative.api.deploy_account.requests import RBAC
from tests.servers import free_offset


@pytest.fixture(scope="package")
def account_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("capsule"), free_offset())
    server.start()
    with server.http() as http:
        assert http.post("/api/v1/namespaces", json={"metadata": {"name": "capsule"}}).status_code == 201
        for path, each in objects():
            assert (response := http.post(path, json=each)).status_code == 201, response.text
    yield server
    assert server.stop() == 0, server.log


@pytest.fixture
def admin(account_server: Server) -> Iterator[httpx.Client]:
    with account_server.http() as http:
        yield http


@pytest.fixture
def deploy(account_server: Server, admin: httpx.Client) -> Iterator[httpx.Client]:
    """A client of the API with the token of the account."""
    answer = admin.post(f"/api/v1/namespaces/capsule/serviceaccounts/{ACCOUNT}/token", json={"spec": {"audiences": []}})
    with account_server.http(token=answer.json()["status"]["token"]) as http:
        yield http


@pytest.fixture
def all_powerful(admin: httpx.Client) -> Iterator[None]:
    """Gives the account every permission of RBAC, so that only policies restrict it."""
    body = {
        "metadata": {"name": "everything"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": "capsule"}],
    }
    assert admin.post(PATHS["ClusterRoleBinding"], json=body).status_code == 201
    yield
    assert admin.delete(f"{PATHS['ClusterRoleBinding']}/everything").status_code == 200
