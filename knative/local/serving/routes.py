"""Routes: assign a host's requests to revisions.

The ingress follows a Route's status, which changes only to revisions that have been ready.

A host belongs to one Route (`host_claims`). A Route that claims another's host is not Ready: IngressReady is False with
reason DomainConflict, as with net-kourier. When an owner changes, the Routes that gained or lost the host are
reconciled at once.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from knative.local.controller import RequeueAfter
from knative.local.objects import Object, now
from knative.local.serving.conditions import TRUE, Condition, condition_entries, find_condition, summarize
from knative.local.serving.configurations import CONFIGURATION
from knative.local.serving.loopback_ports import LoopbackPorts, PortUnavailable
from knative.local.serving.naming import domain_for, internal_host, is_private, keeps_address, public_host, tagged_name, url
from knative.local.serving.revisions import NAMESPACE, REVISION, Revisions
from knative.local.serving.routing import Key, RouteEntry, RoutingTable, TrafficTarget
from knative.local.serving.scaler import HOST_PORT, READY_ONCE, inherits_host_port
from knative.local.settings import Settings
from knative.local.store import Store

log = logging.getLogger(__name__)

ROUTE = "Route.serving.knative.dev"
CLAIMS = "local.capsule.dev/host-claims"
"""Annotation of a Route's status, JSON: each host that it claims → when it was claimed."""
PORT_UNAVAILABLE = "LoopbackPortUnavailable"
PORT_PAUSE_SECONDS = 2.0


class TargetNotReady(Exception):
    """A traffic target cannot be assigned; `condition` says why."""

    def __init__(self, condition: Condition) -> None:
        super().__init__(condition.message)
        self.condition = condition


class Routes:
    kind = ROUTE

    def __init__(self, store: Store, settings: Settings, table: RoutingTable, revisions: Revisions, ports: LoopbackPorts) -> None:
        self._store, self._settings, self._table, self._revisions, self._ports = store, settings, table, revisions, ports
        self._loaded = False

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[tuple[str | None, str]]]]:
        def of_configuration(object: Object) -> Iterable[tuple[str | None, str]]:
            return [(object["metadata"]["namespace"], object["metadata"]["name"])]

        def of_revision(object: Object) -> Iterable[tuple[str | None, str]]:
            name = (object["metadata"].get("labels") or {}).get("serving.knative.dev/service")
            return [(object["metadata"]["namespace"], name)] if name else []

        def of_config(object: Object) -> Iterable[tuple[str | None, str]]:
            metadata = object["metadata"]
            if metadata["namespace"] != NAMESPACE or metadata["name"] not in ("config-network", "config-domain"):
                return []
            return [(entry.key[1], entry.key[2]) for entry in self._store.entries(ROUTE)]

        return {CONFIGURATION: of_configuration, REVISION: of_revision, "ConfigMap": of_config}

    async def on_deleted(self, object: Object) -> None:
        metadata = object["metadata"]
        affected = self._table.remove(metadata["namespace"], metadata["name"], metadata["uid"])
        self._reconcile_affected(affected)
        self._ports.release((metadata["namespace"], metadata["name"]))
        if self._store.find(ROUTE, metadata["namespace"], metadata["name"]) is None:
            self._revisions.set_route_targets(metadata["namespace"], set(), metadata["name"])

    def is_loaded(self) -> bool:
        """Whether the table has all stored Routes."""
        return self._loaded or not any(self._store.entries(ROUTE))

    async def reconcile(self, object: Object) -> None:
        if not self._loaded:
            self._load()
        self._reconcile_affected(self._reconcile(object))
        metadata = object["metadata"]
        found = find_condition(self._store.find(ROUTE, metadata["namespace"], metadata["name"]), "IngressReady")
        if found is not None and found.reason == PORT_UNAVAILABLE:
            raise RequeueAfter(PORT_PAUSE_SECONDS, found.message)

    def _load(self) -> None:
        """After a restart: put all Routes into the table before the first is reconciled, so that no host changes its owner in between."""
        self._loaded = True
        for each in self._store.entries(ROUTE):
            if (found := self._store.find(ROUTE, each.key[1], each.key[2])) is not None:
                self._table.put(self._entry(found, (found.get("status") or {}).get("traffic") or []))

    def _reconcile_affected(self, keys: Iterable[Key]) -> None:
        for key in sorted(keys):
            if (found := self._store.find(ROUTE, *key)) is not None:
                self._reconcile(found)

    def _reconcile(self, object: Object) -> set[Key]:
        """Update the table and the status. Returns the other Routes that gained or lost a host."""
        metadata = object["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        before = object.get("status") or {}
        network, host = self._host(metadata)
        private = is_private(metadata.get("labels")) and not keeps_address(metadata.get("annotations"))
        internal = internal_host(name, namespace)
        address = url(internal, 80)
        status: dict[str, Any] = {"observedGeneration": metadata["generation"], "address": {"url": address}}
        status["url"] = address if private else self._public_url(host)
        is_provisioned = self._settings.https is not None and not private
        provisioned = Condition("True") if is_provisioned else Condition("True", "TLSNotEnabled", "autoTLS is not enabled")
        conditions = {"CertificateProvisioned": provisioned}
        try:
            traffic = [self._assign(namespace, each) for each in object["spec"].get("traffic") or []]
            conditions |= {"AllTrafficAssigned": TRUE, "IngressReady": TRUE}
        except TargetNotReady as error:
            traffic = before.get("traffic") or []
            conditions |= {
                "AllTrafficAssigned": error.condition,
                "IngressReady": TRUE if traffic else Condition("Unknown", "IngressNotConfigured"),
            }
        for each in traffic:
            if tag := each.get("tag"):
                each["url"] = self._public_url(self._host({**metadata, "name": tagged_name(tag, name, network)})[1])
        if traffic:
            status["traffic"] = traffic
        entry = self._entry(object, traffic)
        affected = self._table.put(entry)
        status["annotations"] = {CLAIMS: json.dumps(entry.claimed_at, sort_keys=True)}
        if conflicts := self._table.conflicts(namespace, name):
            conditions["IngressReady"] = _conflict(conflicts)
            if conditions["IngressReady"] != find_condition(object, "IngressReady"):
                log.warning("Route %s/%s: %s", namespace, name, "; ".join(f"{each} belongs to {self._table.owner(each)}" for each in conflicts))
        try:
            self._ports.assign(entry.key, metadata.get("annotations") or {}, self._host_port(entry))
        except PortUnavailable as unavailable:
            conditions["IngressReady"] = Condition("False", PORT_UNAVAILABLE, str(unavailable))
        conditions["Ready"] = summarize(conditions, ("AllTrafficAssigned", "IngressReady", "CertificateProvisioned"))
        status["conditions"] = condition_entries(conditions, before.get("conditions") or [], now())
        self._revisions.set_route_targets(namespace, {target.revision for target in entry.targets}, name, is_stopped=entry.stop_message is not None)
        self._store.set_status(ROUTE, namespace, name, status)
        return affected

    def _public_url(self, host: str) -> str:
        return url(host, self._settings.ingress_port, is_https=self._settings.https is not None)

    def _host_port(self, entry: RouteEntry) -> str | None:
        """Return the host port that the ingress opens for the revisions that a Route leads to."""
        for target in entry.targets:
            revision = self._store.find(REVISION, entry.key[0], target.revision)
            annotations = (revision["metadata"].get("annotations") or {}) if revision is not None else {}
            if (port := annotations.get(HOST_PORT)) and (self._settings.https is not None or not inherits_host_port(annotations)):
                return str(port)
        return None

    def _entry(self, object: Object, traffic: Iterable[Mapping[str, Any]]) -> RouteEntry:
        metadata = object["metadata"]
        network, host = self._host(metadata)
        targets = [TrafficTarget(each["revisionName"], each.get("percent") or 0, each.get("tag")) for each in traffic]
        entry = RouteEntry.of(
            object,
            None if is_private(metadata.get("labels")) and not keeps_address(metadata.get("annotations")) else host,
            targets,
            lambda tag: self._host({**metadata, "name": tagged_name(tag, metadata["name"], network)})[1],
        )
        return replace(entry, claimed_at=_claim_times(object.get("status") or {}, entry))

    def _assign(self, namespace: str, target: Mapping[str, Any]) -> dict[str, Any]:
        """Return a target of the spec with the revision that it means. Raises TargetNotReady."""
        assigned = {field: target[field] for field in ("percent", "tag") if target.get(field) is not None}
        if name := target.get("revisionName"):
            revision = self._store.find(REVISION, namespace, name)
            if revision is None:
                raise TargetNotReady(Condition("False", "RevisionMissing", f'Revision "{name}" referenced in traffic not found.'))
            if not _has_been_ready(revision):
                condition = find_condition(revision, "Ready")
                has_failed = condition is not None and condition.status == "False"
                message = f'Revision "{name}" referenced in traffic {"failed to become ready" if has_failed else "is not yet ready"}.'
                raise TargetNotReady(Condition("False" if has_failed else "Unknown", "RevisionMissing", message))
            return {**assigned, "revisionName": name, "latestRevision": False}
        configured = target["configurationName"]
        configuration = self._store.find(CONFIGURATION, namespace, configured)
        if configuration is None:
            raise TargetNotReady(Condition("False", "ConfigurationMissing", f'Configuration "{configured}" referenced in traffic not found.'))
        latest = (configuration.get("status") or {}).get("latestReadyRevisionName")
        if latest is None:
            condition = find_condition(configuration, "Ready")
            if condition is not None and condition.status == "False":
                raise TargetNotReady(Condition("False", "RevisionMissing", f'Configuration "{configured}" does not have any ready Revision.'))
            raise TargetNotReady(Condition("Unknown", "RevisionMissing", f'Configuration "{configured}" is waiting for a Revision to become ready.'))
        return {**assigned, "revisionName": latest, "latestRevision": True}

    def _host(self, metadata: Mapping[str, Any]) -> tuple[Mapping[str, str], str]:
        """Return (config-network, the public host of a Route with this metadata)."""
        network, domains = ((self._store.find("ConfigMap", NAMESPACE, name) or {}).get("data") or {} for name in ("config-network", "config-domain"))
        labels = metadata.get("labels") or {}
        return network, public_host(metadata["name"], metadata["namespace"], domain_for(labels, domains), network)


def _has_been_ready(revision: Object) -> bool:
    condition = find_condition(revision, READY_ONCE)
    return condition is not None and condition.status == "True"


def _claim_times(status: Mapping[str, Any], entry: RouteEntry) -> dict[str, str]:
    """Return when each host was claimed. A Route without a status claims its hosts from its creation on."""
    annotation = (status.get("annotations") or {}).get(CLAIMS)
    known: Mapping[str, str] = json.loads(annotation or "{}")
    default = entry.created_at if annotation is None else now()
    return {host: known.get(host, default) for host in entry.claims()}


def _conflict(hosts: Iterable[str]) -> Condition:
    names = ", ".join(f'"{host}"' for host in hosts)
    message = f"Ingress rejected: the domain name {names} belongs to another Route. Rename this Service or delete the other one."
    return Condition("False", "DomainConflict", message)
