"""`diff`: what `apply` would change, object by object, by a dry run of server-side apply. Values of Secrets are not shown.

Compared is what the manifests name, and what they named before: the rest is of the API server, of webhooks and of controllers.
"""

import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from kubernetes.dynamic.exceptions import ApiException, NotFoundError
from rich.console import Console
from rich.markup import escape

from knative.cluster.configuration_version import with_versions
from knative.cluster.connection import AT_ONCE, PATIENCE_SECONDS, ClusterApi, patiently
from knative.cluster.jobs import versioned
from knative.cluster.overlay import Overlay
from knative.cluster.owned_fields import owned_by, project
from knative.cluster.releases import history, left_over
from knative.machine.cluster import reason_of, title
from knative.machine.installation_objects import Object

MANAGER = "capsule-cluster"
"""Field manager of the overlay's objects."""
HIDDEN = "(hidden)"
SERVER_FIELDS = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
MAX_VALUE = 120


@dataclass(frozen=True)
class Change:
    """One field: its path, and both values as JSON; None where there is none."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Difference:
    """`action`: create, change, keep, remove (with --prune), refused or unknown (the namespace or kind does not exist yet)."""

    item: Object
    action: str
    changes: tuple[Change, ...] = ()
    detail: str = ""

    def document(self) -> dict[str, Any]:
        metadata = self.item["metadata"]
        changes = [{"path": each.path, "before": each.before, "after": each.after} for each in self.changes]
        return {
            "kind": self.item["kind"], "namespace": metadata.get("namespace"), "name": metadata["name"],
            "action": self.action, "detail": self.detail, "changes": changes,
        }  # fmt: skip


def differences(cluster: ClusterApi, overlay: Overlay) -> Iterator[Difference]:
    """Compare each object, then what former releases had and this one has not.

    A webhook that starts, or an API that has too much to do, is waited for, PATIENCE_SECONDS for all objects together.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    accounts = [each for each in overlay.of_kind("ServiceAccount") if cluster.present(each) is None]
    missing = frozenset(each["metadata"]["name"] for each in accounts)
    for kind in overlay.kinds:
        cluster.has(*kind)  # discovered once, by this thread
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(
            lambda item: difference(cluster, versioned(item) if item["kind"] == "Job" else item, missing, deadline),
            with_versions(cluster, overlay.objects),
        )
    for item in left_over(cluster, history(cluster), overlay.objects):
        yield Difference(item, "remove")


def difference(cluster: ClusterApi, item: Object, missing_accounts: frozenset[str] = frozenset(), deadline: float = 0.0) -> Difference:
    """`missing_accounts`: names of ServiceAccounts that the overlay has and the cluster does not: Knative refuses a Service without its account.

    `deadline`: until when a refusal that passes is waited for (time.monotonic()); by default it is none.
    """
    present = cluster.present(item)
    if not cluster.has(item["apiVersion"], item["kind"]):
        return Difference(item, "unknown", detail=f"the API does not serve {item['kind']}")
    resource = cluster.dynamic.resources.get(api_version=item["apiVersion"], kind=item["kind"])
    metadata = item["metadata"]
    try:
        apply = partial(resource.server_side_apply, field_manager=MANAGER, force_conflicts=True, dry_run="All")
        response = patiently(lambda: apply(body=item, name=metadata["name"], namespace=metadata.get("namespace")), deadline)
    except NotFoundError:
        return Difference(item, "create", detail="its namespace does not exist yet")
    except ApiException as error:
        reason = reason_of(error)
        if any(f'serviceaccount "{name}" not found' in reason for name in missing_accounts):
            return Difference(item, "create" if present is None else "change", detail="not validated: its ServiceAccount does not exist yet")
        return Difference(item, "refused", detail=reason)
    if present is None:
        return Difference(item, "create")
    applied = dict(response.to_dict())
    owned = owned_by(MANAGER, (present, applied))  # nothing else changes by `apply`, whatever the API server writes anew
    before, after = (project(_comparable(each), owned) for each in (present, applied))
    found = tuple(changes(before, after, is_secret=item["kind"] == "Secret"))
    return Difference(item, "change" if found else "keep", found)


def changes(before: Any, after: Any, path: str = "", *, is_secret: bool = False) -> Iterator[Change]:
    """Fields that differ, the innermost ones. Lists are compared as a whole if their lengths differ."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in (*before, *(each for each in after if each not in before)):
            is_hidden = is_secret and path in (".data", ".stringData")
            if before.get(name) != after.get(name) and is_hidden:
                yield Change(f"{path}.{name}", HIDDEN if name in before else None, HIDDEN if name in after else None)
            else:
                yield from changes(before.get(name), after.get(name), f"{path}.{name}", is_secret=is_secret)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from changes(old, new, f"{path}[{index}]", is_secret=is_secret)
    elif is_secret and path in (".data", ".stringData"):
        yield Change(path, HIDDEN if before else None, HIDDEN if after else None)
    else:
        yield Change(path, _text(before), _text(after))


def show(found: Iterable[Difference], console: Console, *, as_json: bool, show_all: bool = False) -> bool:
    """Print the differences and return whether there are any."""
    items = list(found)
    changed = [each for each in items if each.action != "keep"]
    if as_json:
        console.print(json.dumps([each.document() for each in (items if show_all else changed)], indent=1), markup=False, soft_wrap=True)
        return bool(changed)
    marks = {"create": "[green]+[/]", "change": "[yellow]~[/]", "remove": "[red]-[/]", "refused": "[red]✗[/]", "unknown": "[red]?[/]", "keep": " "}
    for each in items if show_all else changed:
        detail = f" [dim]{escape(each.detail)}[/]" if each.detail else ""
        console.print(f"{marks[each.action]} {escape(title(each.item))}{detail}", soft_wrap=True)
        for change in each.changes:
            console.print(f"    {escape(change.path)}: {escape(change.before or '–')} → {escape(change.after or '–')}", soft_wrap=True)
    counts = {action: sum(each.action == action for each in items) for action in ("create", "change", "remove", "refused", "unknown", "keep")}
    text = ", ".join(f"{count} to {action}" if action in ("create", "change") else f"{count} {action}" for action, count in counts.items() if count)
    console.print(f"\n{text or 'nothing'}", markup=False)
    return bool(changed)


def _comparable(item: Object) -> Object:
    metadata = {name: value for name, value in item["metadata"].items() if name not in SERVER_FIELDS}
    return {**{name: value for name, value in item.items() if name != "status"}, "metadata": metadata}


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"
