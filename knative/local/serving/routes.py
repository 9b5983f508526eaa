"""A Route says which revisions a host's requests go to; the ingress follows its status, which moves only to revisions that were ready."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from knative.local.objects import Object, now
from knative.local.serving.conditions import TRUE, Condition, read, ready, written
from knative.local.serving.configurations import CONFIGURATION
from knative.local.serving.naming import domain_for, internal_host, is_private, public_host, tagged, url
from knative.local.serving.revisions import NAMESPACE, REVISION, Revisions
from knative.local.serving.routing import Entry, Table, Target
from knative.local.serving.scaler import PROVEN
from knative.local.settings import Settings
from knative.local.store import Store

ROUTE = "Route.serving.knative.dev"


class Unassigned(Exception):
    def __init__(self, condition: Condition) -> None:
        super().__init__(condition.message)
        self.condition = condition


class Routes:
    kind = ROUTE

    def __init__(self, store: Store, settings: Settings, table: Table, revisions: Revisions) -> None:
        self._store, self._settings, self._table, self._revisions = store, settings, table, revisions

    def also(self) -> Mapping[str, Callable[[Object], Iterable[tuple[str | None, str]]]]:
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

    async def gone(self, object: Object) -> None:
        metadata = object["metadata"]
        self._table.remove(metadata["namespace"], metadata["name"], metadata["uid"])
        if self._store.find(ROUTE, metadata["namespace"], metadata["name"]) is None:
            self._revisions.reach(metadata["namespace"], set(), metadata["name"])

    async def reconcile(self, object: Object) -> None:
        metadata = object["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        before = object.get("status") or {}
        network, host = self._host(metadata)
        private = is_private(metadata.get("labels"))
        internal = internal_host(name, namespace)
        address = url(internal, 80)
        status: dict[str, Any] = {"observedGeneration": metadata["generation"], "address": {"url": address}}
        status["url"] = address if private else url(host, self._settings.ingress_port)
        conditions = {"CertificateProvisioned": Condition("True", "TLSNotEnabled", "autoTLS is not enabled")}
        try:
            traffic = [self._assign(namespace, each) for each in object["spec"].get("traffic") or []]
            conditions |= {"AllTrafficAssigned": TRUE, "IngressReady": TRUE}
        except Unassigned as unassigned:
            traffic = before.get("traffic") or []
            conditions |= {
                "AllTrafficAssigned": unassigned.condition,
                "IngressReady": TRUE if traffic else Condition("Unknown", "IngressNotConfigured"),
            }
        for each in traffic:
            if tag := each.get("tag"):
                each["url"] = url(self._host({**metadata, "name": tagged(tag, name, network)})[1], self._settings.ingress_port)
        if traffic:
            status["traffic"] = traffic
        conditions["Ready"] = ready(conditions, ("AllTrafficAssigned", "IngressReady", "CertificateProvisioned"))
        status["conditions"] = written(conditions, before.get("conditions") or [], now())
        targets = [Target(each["revisionName"], each.get("percent") or 0, each.get("tag")) for each in traffic]
        self._table.put(
            Entry.of(object, None if private else host, targets, lambda tag: self._host({**metadata, "name": tagged(tag, name, network)})[1])
        )
        self._revisions.reach(namespace, {target.revision for target in targets}, name)
        self._store.set_status(ROUTE, namespace, name, status)

    def _assign(self, namespace: str, target: Mapping[str, Any]) -> dict[str, Any]:
        said = {field: target[field] for field in ("percent", "tag") if target.get(field) is not None}
        if name := target.get("revisionName"):
            revision = self._store.find(REVISION, namespace, name)
            if revision is None:
                raise Unassigned(Condition("False", "RevisionMissing", f'Revision "{name}" referenced in traffic not found.'))
            if not _proven(revision):
                failed = read(revision, "Ready")
                broken = failed is not None and failed.status == "False"
                what = "failed to become ready" if broken else "is not yet ready"
                raise Unassigned(Condition("False" if broken else "Unknown", "RevisionMissing", f'Revision "{name}" referenced in traffic {what}.'))
            return {**said, "revisionName": name, "latestRevision": False}
        configured = target["configurationName"]
        configuration = self._store.find(CONFIGURATION, namespace, configured)
        if configuration is None:
            raise Unassigned(Condition("False", "ConfigurationMissing", f'Configuration "{configured}" referenced in traffic not found.'))
        latest = (configuration.get("status") or {}).get("latestReadyRevisionName")
        if latest is None:
            failed = read(configuration, "Ready")
            if failed is not None and failed.status == "False":
                raise Unassigned(Condition("False", "RevisionMissing", f'Configuration "{configured}" does not have any ready Revision.'))
            raise Unassigned(Condition("Unknown", "RevisionMissing", f'Configuration "{configured}" is waiting for a Revision to become ready.'))
        return {**said, "revisionName": latest, "latestRevision": True}

    def _host(self, metadata: Mapping[str, Any]) -> tuple[Mapping[str, str], str]:
        network, domains = ((self._store.find("ConfigMap", NAMESPACE, name) or {}).get("data") or {} for name in ("config-network", "config-domain"))
        labels = metadata.get("labels") or {}
        return network, public_host(metadata["name"], metadata["namespace"], domain_for(labels, domains), network)


def _proven(revision: Object) -> bool:
    found = read(revision, PROVEN)
    return found is not None and found.status == "True"
