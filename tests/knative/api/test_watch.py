"""Watches: from a version, with selectors, until the version is too old."""

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


def take(stream: Iterator[dict[str, Any]], count: int) -> list[tuple[str, str]]:
    return [(each["type"], each["object"]["metadata"]["name"]) for _, each in zip(range(count), stream, strict=False)]


def test_a_watch_starts_with_existing_objects(http: httpx.Client, core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, config_map("a"))
    stream = events(http, f"/api/v1/namespaces/{namespace}/configmaps")
    assert take(stream, 1) == [("ADDED", "a")]
    stream = events(http, f"/api/v1/namespaces/{namespace}/configmaps")
    next(stream)
    core.create_namespaced_config_map(namespace, config_map("b"))
    core.patch_namespaced_config_map("a", namespace, {"data": {"x": "y"}})
    core.delete_namespaced_config_map("b", namespace)
    assert take(stream, 3) == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]


def test_nothing_is_missed_between_list_and_watch(core: client.CoreV1Api, namespace: str) -> None:
    """Uses the watch of the `kubernetes` client, from the version of a list."""
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    for number in range(20):
        core.create_namespaced_config_map(namespace, config_map(f"a{number}"))
    stream = watch.Watch().stream(core.list_namespaced_config_map, namespace, resource_version=version, timeout_seconds=5)
    assert [event["object"].metadata.name for _, event in zip(range(20), stream, strict=False)] == [f"a{number}" for number in range(20)]


def test_an_object_that_leaves_the_label_selector_is_deleted(http: httpx.Client, core: client.CoreV1Api, namespace: str) -> None:
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "a", "labels": {"on": "1"}}})
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "b"}})
    core.patch_namespaced_config_map("b", namespace, {"metadata": {"labels": {"on": "1"}}})
    core.patch_namespaced_config_map("a", namespace, {"metadata": {"labels": {"on": None}}})
    core.delete_namespaced_config_map("a", namespace)
    core.delete_namespaced_config_map("b", namespace)
    stream = events(http, f"/api/v1/namespaces/{namespace}/configmaps", labelSelector="on=1", resourceVersion=version)
    assert take(stream, 4) == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a"), ("DELETED", "b")]


def test_a_watch_of_one_object(http: httpx.Client, core: client.CoreV1Api, namespace: str) -> None:
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    for name in ("a", "b"):
        core.create_namespaced_config_map(namespace, config_map(name))
    core.patch_namespaced_config_map("a", namespace, {"data": {"x": "y"}})
    core.delete_namespaced_config_map("a", namespace)
    core.delete_namespaced_config_map("b", namespace)
    stream = events(http, f"/api/v1/namespaces/{namespace}/configmaps", fieldSelector="metadata.name=b", resourceVersion=version)
    assert take(stream, 2) == [("ADDED", "b"), ("DELETED", "b")]


def test_a_too_old_version_is_expired(own_server: Server) -> None:
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


def test_a_streaming_list_ends_with_a_bookmark(http: httpx.Client, core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, config_map("a"))
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    stream = events(http, f"/api/v1/namespaces/{namespace}/configmaps", **query)
    assert next(stream)["type"] == "ADDED"
    bookmark = next(stream)
    assert bookmark["type"] == "BOOKMARK" and bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true"


def test_the_server_stops_despite_open_watches(own_server: Server) -> None:
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
