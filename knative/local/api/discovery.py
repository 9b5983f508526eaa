"""Discovery: /api, /apis, the resources of each group and version, /version."""

import platform
from collections.abc import Iterable

from knative.local.definitions import Definition, Definitions
from knative.local.objects import Object
from knative.local.settings import Settings

KUBERNETES = ("1", "33")
"""The version of Kubernetes whose REST API this is a subset of."""


class Discovery:
    def __init__(self, definitions: Definitions, settings: Settings) -> None:
        self._definitions = definitions
        self._address = settings.api_url.removeprefix("https://")

    def versions(self) -> Object:
        addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": self._address}]
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}

    def groups(self) -> Object:
        groups = [self.group(name) for name in (*self._definitions.versions(), "authorization.k8s.io") if name]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group for group in groups if group]}

    def group(self, name: str) -> Object | None:
        versions = {**self._definitions.versions(), "authorization.k8s.io": ["v1"]}.get(name)
        if not versions or not name:
            return None
        rows = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
        return {"kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": rows, "preferredVersion": rows[0]}

    def resources(self, group: str, version: str) -> Object | None:
        rows = [row for each in self._definitions if (each.group, each.version) == (group, version) for row in _rows(each)]
        if (group, version) == ("authorization.k8s.io", "v1"):
            row = {"name": "selfsubjectaccessreviews", "singularName": "selfsubjectaccessreview", "namespaced": False}
            rows = [{**row, "kind": "SelfSubjectAccessReview", "verbs": ["create"]}]
        if not rows:
            return None
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{group}/{version}" if group else version, "resources": rows}

    @staticmethod
    def version() -> Object:
        major, minor = KUBERNETES
        return {
            "major": major, "minor": minor, "gitVersion": f"v{major}.{minor}.0+capsule", "gitCommit": "", "gitTreeState": "", "buildDate": "",
            "goVersion": "", "compiler": platform.python_implementation(), "platform": f"{platform.system().lower()}/{platform.machine()}",
        }  # fmt: skip


def _rows(definition: Definition) -> Iterable[Object]:
    common = {"singularName": definition.singular, "namespaced": definition.namespaced, "kind": definition.kind}
    row = {"name": definition.plural, **common, "verbs": sorted(definition.verbs)}
    for field, names in (("shortNames", definition.short_names), ("categories", definition.categories)):
        if names:
            row[field] = list(names)
    yield row
    if definition.has_status:
        yield {**common, "name": f"{definition.plural}/status", "singularName": "", "verbs": ["get", "patch", "update"]}
    if "log" in definition.subresources:
        yield {**common, "name": f"{definition.plural}/log", "singularName": "", "verbs": ["get"]}
    if definition.key == "ServiceAccount":
        token = {"name": f"{definition.plural}/token", "singularName": "", "namespaced": True, "verbs": ["create"]}
        yield {**token, "group": "authentication.k8s.io", "version": "v1", "kind": "TokenRequest"}
