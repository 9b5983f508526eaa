"""watch: from a version on, through selectors, until too old; as clients follow objects for hours."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from kubernetes import client, watch
from kubernetes.client import ApiException

from tests.knative.api.conftest import Server, config_map, eventually


def events(http: httpx.Client, path: str, **query: str) -> Iterator[dict[str, Any]]:
    with http.stream("GET", path, params={"watch": "true", "timeoutSeconds": "5", **query}) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            yield json.loads(line)


def seen(found: Iterator[dict[str, Any]], count: int) -> list[tuple[str, str]]:
    return [(each["type"], each["object"]["metadata"]["name"]) for _, each in zip(range(count), found, strict=False)]


def test_what_is_there_then_what_changes(http: httpx.Client, core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, config_map("a"))
    found = events(http, f"/api/v1/namespaces/{namespace}/configmaps")
    assert seen(found, 1) == [("ADDED", "a")]
    found = events(http, f"/api/v1/namespaces/{namespace}/configmaps")
    next(found)
    core.create_namespaced_config_map(namespace, config_map("b"))
    core.patch_namespaced_config_map("a", namespace, {"data": {"x": "y"}})
    core.delete_namespaced_config_map("b", namespace)
    assert seen(found, 3) == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]


def test_nothing_is_missed_between_list_and_watch(core: client.CoreV1Api, namespace: str) -> None:
    """The `kubernetes` client's own watch, from a list's version."""
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    for number in range(20):
        core.create_namespaced_config_map(namespace, config_map(f"a{number}"))
    stream = watch.Watch().stream(core.list_namespaced_config_map, namespace, resource_version=version, timeout_seconds=5)
    assert [event["object"].metadata.name for _, event in zip(range(20), stream, strict=False)] == [f"a{number}" for number in range(20)]


def test_labels_select_and_what_leaves_them_is_deleted(http: httpx.Client, core: client.CoreV1Api, namespace: str) -> None:
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "a", "labels": {"on": "1"}}})
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "b"}})
    core.patch_namespaced_config_map("b", namespace, {"metadata": {"labels": {"on": "1"}}})
    core.patch_namespaced_config_map("a", namespace, {"metadata": {"labels": {"on": None}}})
    core.delete_namespaced_config_map("a", namespace)
    core.delete_namespaced_config_map("b", namespace)
    found = events(http, f"/api/v1/namespaces/{namespace}/configmaps", labelSelector="on=1", resourceVersion=version)
    assert seen(found, 4) == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a"), ("DELETED", "b")]


def test_one_object_by_its_name(http: httpx.Client, core: client.CoreV1Api, namespace: str) -> None:
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    for name in ("a", "b"):
        core.create_namespaced_config_map(namespace, config_map(name))
    core.patch_namespaced_config_map("a", namespace, {"data": {"x": "y"}})
    core.delete_namespaced_config_map("a", namespace)
    core.delete_namespaced_config_map("b", namespace)
    found = events(http, f"/api/v1/namespaces/{namespace}/configmaps", fieldSelector="metadata.name=b", resourceVersion=version)
    assert seen(found, 2) == [("ADDED", "b"), ("DELETED", "b")]


def test_too_old_a_version_is_gone(own_server: Server) -> None:
    with own_server.client() as api:
        core = client.CoreV1Api(api)
        version = core.list_namespaced_config_map("default").metadata.resource_version
        core.create_namespaced_config_map("default", config_map("a"))
    own_server.stop(9)
    own_server.start()
    with own_server.client() as api:
        core = client.CoreV1Api(api)
        with pytest.raises(ApiException) as error:
            next(watch.Watch().stream(core.list_namespaced_config_map, "default", resource_version=version, timeout_seconds=5))
        assert error.value.status == 410
        assert [item.metadata.name for item in core.list_namespaced_config_map("default").items] == ["a"]


def test_a_streaming_list_says_when_it_is_complete(http: httpx.Client, core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, config_map("a"))
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    found = events(http, f"/api/v1/namespaces/{namespace}/configmaps", **query)
    assert next(found)["type"] == "ADDED"
    bookmark = next(found)
    assert bookmark["type"] == "BOOKMARK" and bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true"


def test_the_server_stops_although_someone_watches(own_server: Server) -> None:
    ended = threading.Event()

    def follow() -> None:
        with own_server.http() as http:
            for _ in events(http, "/api/v1/configmaps", timeoutSeconds="60"):
                pass
        ended.set()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    with own_server.client() as api:
        client.CoreV1Api(api).create_namespaced_config_map("default", config_map("a"))
    assert own_server.stop() == 0
    eventually(ended.is_set)
