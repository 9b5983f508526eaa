"""Parse the path, query and options of a request of Kubernetes' REST API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from starlette.requests import HTTPConnection, Request

from knative.local.api.status import bad_request, not_allowed, unknown_path
from knative.local.definitions import Definition, Definitions
from knative.local.rbac import Attempt

Propagation = Literal["Background", "Foreground", "Orphan"]
SUBRESOURCES = {"serviceaccounts": ("token",), "namespaces": ("finalize",)}


@dataclass(frozen=True)
class Target:
    """The kind, object and verb that a request addresses. `name` and `subresource` may be empty."""

    definition: Definition
    namespace: str | None
    name: str
    subresource: str
    verb: str

    @property
    def attempt(self) -> Attempt:
        resource = self.definition.plural + (f"/{self.subresource}" if self.subresource else "")
        namespace = self.name if self.definition.kind == "Namespace" and self.name else self.namespace
        return Attempt(self.verb, self.definition.group, resource, namespace, self.name)


def parse(request: HTTPConnection, definitions: Definitions, method: str) -> Target:
    """Parse `/api/v1/…` or `/apis/<group>/<version>/…`. Raises StatusError (404, 405)."""
    parts = [part for part in request.path_params["rest"].split("/") if part]
    group, version = request.path_params.get("group", ""), request.path_params["version"]
    namespace: str | None = None
    if len(parts) >= 3 and parts[0] == "namespaces" and parts[2] not in ("status", *SUBRESOURCES["namespaces"]):
        namespace, parts = parts[1], parts[2:]
    if not 1 <= len(parts) <= 3:
        raise unknown_path()
    plural, name, subresource = (*parts, "", "")[:3]
    definition = definitions.at(group, version, plural)
    if definition is None or (namespace is not None and not definition.namespaced):
        raise unknown_path()
    if definition.namespaced and namespace is None and (name or method == "POST"):
        raise unknown_path()
    if subresource and subresource not in (*definition.subresources, *SUBRESOURCES.get(plural, ())):
        raise unknown_path()
    verb = _verb(method, name, flag(request.query_params, "watch"))
    if verb not in definition.verbs and not subresource:
        raise not_allowed()
    return Target(definition, namespace, name, subresource, verb)


def _verb(method: str, name: str, is_watch: bool) -> str:
    if method in ("GET", "HEAD"):
        return "get" if name else "watch" if is_watch else "list"
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    verb = {"POST": "create", "PUT": "update", "PATCH": "patch"}.get(method)
    if verb is None or (verb != "create" and not name):
        raise not_allowed()
    return verb


def flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() in ("true", "1")


def number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if not text:
        return None
    if not text.isdigit():
        raise bad_request(f'invalid {name}: "{text}"')
    return int(text)


@dataclass(frozen=True)
class WriteOptions:
    """The query of a write. `manager`: the field manager. `force`: take over fields of other managers."""

    is_dry_run: bool
    manager: str
    force: bool

    def as_admission_options(self) -> dict[str, object]:
        """The fields of CreateOptions and UpdateOptions (meta.k8s.io/v1) that were set."""
        return {"fieldManager": self.manager, **({"dryRun": ["All"]} if self.is_dry_run else {})}

    @classmethod
    def from_request(cls, request: Request) -> "WriteOptions":
        query = request.query_params
        dry_run = query.get("dryRun", "")
        if dry_run not in ("", "All"):
            raise bad_request(f'invalid dryRun: "{dry_run}": supported values: "All"')
        agent = request.headers.get("user-agent", "unknown").partition("/")[0]
        return cls(dry_run == "All", query.get("fieldManager") or agent, flag(query, "force"))


@dataclass(frozen=True)
class DeleteOptions:
    """The options of a deletion. `uid` and `version` are preconditions."""

    is_dry_run: bool
    propagation: Propagation
    uid: str | None
    version: str | None

    def as_admission_options(self) -> dict[str, object]:
        """The fields of DeleteOptions (meta.k8s.io/v1) that were set."""
        preconditions = {name: value for name, value in (("uid", self.uid), ("resourceVersion", self.version)) if value}
        return {
            "propagationPolicy": self.propagation,
            **({"preconditions": preconditions} if preconditions else {}),
            **({"dryRun": ["All"]} if self.is_dry_run else {}),
        }

    @classmethod
    def from_request(cls, request: Request, body: Mapping[str, object]) -> "DeleteOptions":
        query, preconditions = request.query_params, cast(Mapping[str, str], body.get("preconditions") or {})
        propagation = str(body.get("propagationPolicy") or query.get("propagationPolicy") or "Background")
        if body.get("orphanDependents"):
            propagation = "Orphan"
        if propagation not in ("Background", "Foreground", "Orphan"):
            raise bad_request(f'invalid propagationPolicy: "{propagation}"')
        is_dry_run = bool(body.get("dryRun")) or bool(query.get("dryRun"))
        return cls(is_dry_run, cast(Propagation, propagation), preconditions.get("uid"), preconditions.get("resourceVersion"))
