"""The Kubernetes API as `up` and `status` use it: apply, wait, look. Only the official client and the kubeconfig, as on any cluster."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import urllib3
import yaml
from kubernetes import client, config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ApiException, NotFoundError, ResourceNotFoundError

from knative.machine.home import Home
from knative.machine.problems import Problem

Object = dict[str, Any]
UP = "capsule-up"
"""The field manager of the overlay."""
OPERATOR = "capsule-operator"
"""The field manager of what an operator brings."""

DONE = {"Job": ("Complete",), "Namespace": (), "Secret": (), "ConfigMap": ()}
WAITED_FOR = ("Broker", "Trigger", "Service", "PingSource", "ApiServerSource", "Job")


class Cluster:
    def __init__(self, home: Home) -> None:
        if not home.kubeconfig.exists():
            raise Problem("Capsule is not running: it has no kubeconfig", "./taskw up")
        api = config.new_client_from_config(str(home.kubeconfig))
        api.configuration.retries = False
        api.rest_client.pool_manager.connection_pool_kw["retries"] = False
        self.core = client.CoreV1Api(api)
        self.dynamic = DynamicClient(api, cache_file=str(home.run / "discovery.json"))

    def _resource(self, api_version: str, kind: str) -> Any:
        try:
            return self.dynamic.resources.get(api_version=api_version, kind=kind)
        except ResourceNotFoundError as error:
            raise Problem(f"the API knows no {kind} of {api_version}", "is it a typing error in a manifest?") from error

    def apply(self, objects: Iterable[Object], manager: str) -> int:
        """Server-side apply; returns how many."""
        count = 0
        for item in objects:
            resource = self._resource(item["apiVersion"], item["kind"])
            metadata = item["metadata"]
            try:
                resource.server_side_apply(
                    body=item, name=metadata["name"], namespace=metadata.get("namespace"), field_manager=manager, force_conflicts=True
                )
            except ApiException as error:
                raise Problem(f"{named(item)} was refused: {_reason(error)}", "mend the manifest, then ./taskw up") from error
            count += 1
        return count

    def get(self, item: Object) -> Object | None:
        metadata = item["metadata"]
        try:
            found = self._resource(item["apiVersion"], item["kind"]).get(name=metadata["name"], namespace=metadata.get("namespace"))
        except NotFoundError:
            return None
        return dict(found.to_dict())

    def find(self, api_version: str, kind: str, namespace: str | None = None, labels: str | None = None) -> list[Object]:
        found = self._resource(api_version, kind).get(namespace=namespace, label_selector=labels)
        return [dict(item) for item in found.to_dict().get("items") or []]

    def delete(self, item: Object) -> None:
        """Deletes and waits until it is gone."""
        metadata = item["metadata"]
        resource = self._resource(item["apiVersion"], item["kind"])
        try:
            resource.delete(name=metadata["name"], namespace=metadata.get("namespace"), body={"propagationPolicy": "Foreground"})
        except NotFoundError:
            return
        until = time.monotonic() + 20
        while self.get(item) is not None:
            if time.monotonic() > until:
                raise Problem(f"{named(item)} is not deleted after 20 s", "./taskw logs knative")
            time.sleep(0.05)

    def await_ready(self, items: Iterable[Object], seconds: float, report: Callable[[int, int], None]) -> None:
        """Until all are ready; says which are not, and why, when the time is over. Lists by kind: one call for all Triggers."""
        wanted = [item for item in items if item["kind"] in WAITED_FOR]
        until = time.monotonic() + seconds
        while True:
            found = {key(item): item for item in self._current(wanted)}
            late = [(item, why) for item in wanted if (why := not_ready(found.get(key(item)))) is not None]
            report(len(wanted) - len(late), len(wanted))
            if not late:
                return
            failed = [(item, why) for item, why in late if why.startswith("failed")]
            if failed or time.monotonic() > until:
                lines = "\n".join(f"  {named(item)}: {why}" for item, why in (failed or late)[:12])
                raise Problem(f"not ready:\n{lines}", "./taskw logs <name> shows what it says; ./taskw status shows everything")
            time.sleep(0.1)

    def _current(self, wanted: list[Object]) -> list[Object]:
        kinds = {(item["apiVersion"], item["kind"], item["metadata"].get("namespace")) for item in wanted}
        found = []
        for api_version, kind, namespace in kinds:
            found += [{"apiVersion": api_version, "kind": kind, **item} for item in self.find(api_version, kind, namespace)]
        return found


def reachable(home: Home) -> bool:
    """Whether the API answers, with this kubeconfig."""
    if not home.kubeconfig.exists():
        return False
    try:
        client.VersionApi(config.new_client_from_config(str(home.kubeconfig))).get_code(_request_timeout=2)
    except (client.ApiException, urllib3.exceptions.HTTPError, config.ConfigException, yaml.YAMLError, OSError):
        return False
    return True


def key(item: Object) -> tuple[str, str | None, str]:
    return item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]


def named(item: Object) -> str:
    return f"{item['kind']} {item['metadata']['name']}"


def conditions(item: Object) -> dict[str, Object]:
    return {condition["type"]: condition for condition in (item.get("status") or {}).get("conditions") or []}


def not_ready(item: Object | None) -> str | None:
    """None when the object is ready; else why it isn't."""
    if item is None:
        return "not there"
    status, said = item.get("status") or {}, conditions(item)
    if item["kind"] == "Job":
        if _true(said.get("Complete")):
            return None
        failed = said.get("Failed")
        return f"failed: {failed.get('message') or failed.get('reason')}" if failed and _true(failed) else "still running"
    if status.get("observedGeneration", item["metadata"].get("generation")) != item["metadata"].get("generation"):
        return "not looked at yet"
    ready = said.get("Ready")
    if ready is None:
        return "not looked at yet"
    return None if _true(ready) else ": ".join(filter(None, (ready.get("reason"), ready.get("message")))) or "not ready yet"


def _true(condition: Object | None) -> bool:
    return bool(condition) and condition is not None and condition.get("status") == "True"


def _reason(error: ApiException) -> str:
    try:
        return str(yaml.safe_load(error.body)["message"])
    except (yaml.YAMLError, TypeError, KeyError):
        return f"{error.status} {error.reason}"
