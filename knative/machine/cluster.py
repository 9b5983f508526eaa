"""The Kubernetes API for the tasks of `./taskw`: apply, wait and list, with the official client and a kubeconfig, as on any cluster."""

import time
from collections.abc import Callable, Iterable
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
import urllib3
import yaml
from kubernetes import client, config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ApiException, NotFoundError, ResourceNotFoundError

from knative.machine.home import Home
from knative.machine.problems import Problem

Object = dict[str, Any]
UP = "capsule-up"
"""Field manager of the overlay's objects."""
OPERATOR = "capsule-operator"
"""Field manager of the Secrets and ConfigMaps that an operator provides."""

KINDS_WITH_READINESS = ("Broker", "Trigger", "Service", "PingSource", "ApiServerSource", "Job")
DELETE_TIMEOUT_SECONDS = 20


class KubernetesApi:
    """Objects of any kind through the Kubernetes API. `discovery`: the file that caches which kinds there are."""

    def __init__(self, api: client.ApiClient, discovery: Path | None = None) -> None:
        api.configuration.retries = False
        api.rest_client.pool_manager.connection_pool_kw["retries"] = False
        self._api = api
        self.dynamic = DynamicClient(api, cache_file=None if discovery is None else str(discovery))

    @cached_property
    def core(self) -> "client.CoreV1Api":
        """Importing its class and models takes 0.6 s of CPU, and `up` does not need them."""
        return client.CoreV1Api(self._api)

    def _resource(self, api_version: str, kind: str) -> Any:
        try:
            return self.dynamic.resources.get(api_version=api_version, kind=kind)
        except ResourceNotFoundError as error:
            raise Problem(f"The API has no kind {kind} in {api_version}.", "Check apiVersion and kind in the manifest.") from error

    def apply(self, objects: Iterable[Object], manager: str, *, is_dry_run: bool = False) -> int:
        """Apply the objects server-side, taking ownership of conflicting fields. Returns their number.

        Raises: Problem that names the object which the API refuses. `is_dry_run`: only check whether it does.
        """
        count = 0
        for item in objects:
            try:
                self._apply(item, manager, is_dry_run=is_dry_run)
            except ApiException as error:
                raise Problem(f"The API refused {title(item)}: {reason_of(error)}", "Fix the manifest, then repeat the task.") from error
            count += 1
        return count

    def _apply(self, item: Object, manager: str, *, is_dry_run: bool = False) -> None:
        """Apply one object. Raises: ApiException when the API refuses it."""
        options = {"dry_run": "All"} if is_dry_run else {}
        metadata = item["metadata"]
        self._resource(item["apiVersion"], item["kind"]).server_side_apply(
            body=item, name=metadata["name"], namespace=metadata.get("namespace"), field_manager=manager, force_conflicts=True, **options
        )

    def get(self, item: Object) -> Object | None:
        """The current state of an object; None when it does not exist."""
        metadata = item["metadata"]
        try:
            response = self._resource(item["apiVersion"], item["kind"]).get(name=metadata["name"], namespace=metadata.get("namespace"))
        except NotFoundError:
            return None
        return dict(response.to_dict())

    def find(self, api_version: str, kind: str, namespace: str | None = None, labels: str | None = None) -> list[Object]:
        """List objects of a kind, in one namespace or all, by label selector."""
        response = self._resource(api_version, kind).get(namespace=namespace, label_selector=labels)
        return [dict(item) for item in response.to_dict().get("items") or []]

    def read(self, api_version: str, kind: str, namespace: str | None = None) -> list[Object]:
        """List objects of a kind as the API sends them, which takes a fraction of `find` for hundreds. Each has its `apiVersion` and `kind`."""
        response = self.dynamic.get(self._resource(api_version, kind), namespace=namespace, serialize=False)
        return [{**item, "apiVersion": api_version, "kind": kind} for item in orjson.loads(response.data)["items"]]

    def begin_deletion(self, item: Object, propagation: str) -> bool:
        """Ask for the deletion of an object, and return whether it exists. `propagation`: `Background` does not wait for what it owns."""
        metadata = item["metadata"]
        resource = self._resource(item["apiVersion"], item["kind"])
        try:
            resource.delete(name=metadata["name"], namespace=metadata.get("namespace"), body={"propagationPolicy": propagation})
        except NotFoundError:
            return False
        return True

    def delete(self, item: Object, propagation: str = "Foreground") -> None:
        """Delete an object and wait until it no longer exists. Idempotent. `propagation`: as of `begin_deletion`."""
        if not self.begin_deletion(item, propagation):
            return
        deadline = time.monotonic() + DELETE_TIMEOUT_SECONDS
        while self.get(item) is not None:
            if time.monotonic() > deadline:
                raise Problem(
                    f"{title(item)} is not deleted after {DELETE_TIMEOUT_SECONDS} s.", "See its finalizers, and the log of what removes them."
                )
            time.sleep(0.05)


class Cluster(KubernetesApi):
    """The one-machine Knative, by the kubeconfig of the state folder. Raises: Problem when there is none."""

    def __init__(self, home: Home) -> None:
        if not home.kubeconfig.exists():
            raise Problem("Capsule is not running.", "Start it: ./taskw up")
        super().__init__(config.new_client_from_config(str(home.kubeconfig)), home.run / "discovery.json")

    def wait_until_ready(self, items: Iterable[Object], timeout_seconds: float, report: Callable[[int, int], None]) -> None:
        """Wait until all objects are ready; `report(ready, total)` is called after each poll. One list request per kind of what is
        not ready: hundreds of objects are 4 MB, which the API's process writes and this one reads while the last become ready.

        `timeout_seconds`: since an object became ready last, so that a slow machine has its time and a fault is noticed soon.

        Raises: Problem that names the objects that are not ready and their reasons, at once for a Job that failed.
        """
        expected = [item for item in items if item["kind"] in KINDS_WITH_READINESS]
        deadline, least = time.monotonic() + timeout_seconds, len(expected)
        waiting = expected
        while True:
            current = {key(item): item for item in self._current(waiting)}
            pending = [(item, reason) for item in waiting if (reason := not_ready(current.get(key(item)))) is not None]
            report(len(expected) - len(pending), len(expected))
            if not pending and waiting is expected:
                return
            waiting = [item for item, _ in pending] or expected  # in the end, all are ready at the same time
            if not pending:
                continue
            if len(pending) < least:
                deadline, least = time.monotonic() + timeout_seconds, len(pending)
            failed = [(item, reason) for item, reason in pending if reason.startswith("failed")]
            if failed or time.monotonic() > deadline:
                lines = "\n".join(f"  {title(item)}: {reason}" for item, reason in (failed or pending)[:12])
                raise Problem(f"Not ready:\n{lines}", "See ./taskw status and ./taskw logs NAME")
            time.sleep(0.1)

    def is_ready(self) -> bool:
        """Whether the one-machine Knative has started: what its state holds is reconciled, and requests are accepted."""
        try:
            return bool(self._api.rest_client.request("GET", f"{self._api.configuration.host}/readyz", _request_timeout=5).status == HTTPStatus.OK)
        except (ApiException, urllib3.exceptions.HTTPError, OSError):
            return False

    def _current(self, expected: list[Object]) -> list[Object]:
        kinds = {(item["apiVersion"], item["kind"], item["metadata"].get("namespace")) for item in expected}
        return [item for kind in kinds for item in self.read(*kind)]


def reachable(home: Home) -> bool:
    """Whether the Kubernetes API answers to this kubeconfig."""
    if not home.kubeconfig.exists():
        return False
    try:
        client.VersionApi(config.new_client_from_config(str(home.kubeconfig))).get_code(_request_timeout=2)
    except (client.ApiException, urllib3.exceptions.HTTPError, config.ConfigException, yaml.YAMLError, OSError):
        return False
    return True


def key(item: Object) -> tuple[str, str | None, str]:
    return item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]


def title(item: Object) -> str:
    """`Kind name`, for messages."""
    return f"{item['kind']} {item['metadata']['name']}"


def conditions(item: Object) -> dict[str, Object]:
    return {condition["type"]: condition for condition in (item.get("status") or {}).get("conditions") or []}


def not_ready(item: Object | None) -> str | None:
    """Why the object is not ready; None when it is."""
    if item is None:
        return "does not exist"
    status, by_type = item.get("status") or {}, conditions(item)
    if item["kind"] == "Job":
        if _true(by_type.get("Complete")):
            return None
        failed = by_type.get("Failed")
        return f"failed: {failed.get('message') or failed.get('reason')}" if failed and _true(failed) else "still running"
    if status.get("observedGeneration", item["metadata"].get("generation")) != item["metadata"].get("generation"):
        return "not reconciled yet"
    ready = by_type.get("Ready")
    if ready is None:
        return "not reconciled yet"
    return None if _true(ready) else ": ".join(filter(None, (ready.get("reason"), ready.get("message")))) or "not ready yet"


def _true(condition: Object | None) -> bool:
    return bool(condition) and condition is not None and condition.get("status") == "True"


def reason_of(error: ApiException) -> str:
    """The message of the API's answer."""
    try:
        return str(yaml.safe_load(error.body)["message"])
    except (yaml.YAMLError, TypeError, KeyError):
        return f"{error.status} {error.reason}"
