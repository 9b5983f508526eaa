"""The pods of a node, as the collector of a cluster reads them from the Kubernetes API."""

import asyncio
import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from knative.collector import pods
from knative.collector.cluster_api import ClusterApi
from knative.collector.pods import NodePods
from tests.knative.api.conftest import Server
from tests.servers import free_offset


def pod(name: str, node: str = "node-1", collect: str = "true") -> dict[str, Any]:
    containers = [{"name": "web", "image": "capsule.local/test:1", "env": [{"name": "SECRET", "value": "s3cret"}]}]
    annotations = {"capsule.dev/observation-seconds": "10", "other": "x"}
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "app-hello", "labels": {"capsule.dev/collect": collect}, "annotations": annotations},
        "spec": {"nodeName": node, "containers": containers},
    }  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of its own: Pods are made by reconcilers only, so they are written to its store while it is stopped."""
    server = Server(tmp_path, free_offset())
    server.start()
    core = client.CoreV1Api(server.client())
    core.create_namespace({"metadata": {"name": "app-hello"}})
    server.stop()
    store = server.store()
    for each in (pod("first"), pod("second"), pod("elsewhere", node="node-2"), pod("unlabelled", collect="false")):
        store.create(each)
    store.close()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def cluster_api(server: Server, tmp_path: Path) -> ClusterApi:
    """With a folder as pods find it at /var/run/secrets/kubernetes.io/serviceaccount."""
    config = yaml.safe_load(server.kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    (tmp_path / "ca.crt").write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    (tmp_path / "token").write_text(user["token"] + "\n")
    return ClusterApi(cluster["server"], "", tmp_path)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  a store, without a signal
            await asyncio.sleep(0.05)


async def test_collected_pods_of_the_node_are_followed(server: Server, cluster_api: ClusterApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pods, "WATCH_SECONDS", 1)  # several watches follow each other in this test
    await cluster_api.open()
    node = NodePods(cluster_api, "node-1")

    def names() -> list[str]:
        return sorted(each["metadata"]["name"] for each in node.all())

    running = asyncio.create_task(node.run())
    try:
        await asyncio.wait_for(node.synced.wait(), 20)
        assert names() == ["first", "second"]
        assert node.all()[0]["metadata"]["annotations"] == {"capsule.dev/observation-seconds": "10"} and "s3cret" not in str(node.all())
        await asyncio.sleep(1.5)
        core = client.CoreV1Api(server.client())
        await asyncio.to_thread(core.delete_namespaced_pod, "first", "app-hello", grace_period_seconds=0)
        await until(lambda: names() == ["second"])
    finally:
        running.cancel()
        await cluster_api.close()
