"""`check`: what a cluster lacks for an overlay, before anything changes.

Each check reads first and decides then, as those of `./taskw doctor` do: functions that decide are pure. A check that cannot read what it needs is a
finding itself; the others go on.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus

from kubernetes.dynamic.exceptions import ApiException
from rich.console import Console

from functions.wire.settings import InvalidSetting
from knative.cluster.checks import (
    addresses,
    authority,
    broker,
    capacity,
    connections,
    controllers,
    databases,
    kinds,
    names,
    operators,
    storage,
    traffic,
    values,
)
from knative.cluster.connection import ClusterApi, remedy_of
from knative.cluster.overlay import Overlay
from knative.machine.cluster import reason_of
from knative.machine.doctor.finding import Finding, Level
from knative.machine.problems import Problem

Check = Callable[[ClusterApi, Overlay], Iterable[Finding]]
CHECKS: dict[str, Check] = {
    "kubernetes": operators.check_kubernetes,
    "authority": authority.check,
    "operators": operators.check_operators,
    "kinds": kinds.check,
    "namespace": kinds.check_namespace,
    "rabbitmq": broker.check,
    "broker": broker.check_class,
    "connections": connections.check_broker,
    "image": names.check_image,
    "names": names.check_placeholders,
    "domain": names.check_domain,
    "dns": names.check_dns,
    "storage": storage.check,
    "features": storage.check_features,
    "secrets": values.check,
    "settings": values.check_settings,
    "database": databases.check,
    "capacity": capacity.check,
    "addresses": addresses.check,
    "controllers": controllers.check,
    "traffic": traffic.check,
}
"""In the order in which they are printed."""


def findings(cluster: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    for name, check in CHECKS.items():
        try:
            yield from check(cluster, overlay)
        except Problem as problem:
            yield Finding(name, Level.FAULT, problem.message, problem.remedy)
        except InvalidSetting as error:
            yield Finding(name, Level.FAULT, str(error), "All settings and their values: docs/settings.md")
        except ApiException as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                raise  # no check can read anything
            yield Finding(name, Level.FAULT, f"not checked: {reason_of(error)}", remedy_of(error))


def run(cluster: ClusterApi, overlay: Overlay, console: Console, *, as_json: bool = False, show_all: bool = False) -> bool:
    """Run all checks, print their findings, and return whether nothing must be mended."""
    found = list(findings(cluster, overlay))
    is_suitable = all(each.level is not Level.FAULT for each in found)
    if as_json:
        document = {"suitable": is_suitable, "cluster": cluster.name, "overlay": overlay.name, "findings": [each.document() for each in found]}
        console.print(json.dumps(document, indent=1), markup=False, soft_wrap=True)
        return is_suitable
    for each in found:
        for line in each.lines(show_all=show_all):
            console.print(line, soft_wrap=True)
    faults, warnings = (sum(each.level is level for each in found) for level in (Level.FAULT, Level.WARNING))
    console.print(f"\n{faults} to mend, {warnings} {'warning' if warnings == 1 else 'warnings'}. Details: ./taskw cluster check --all")
    return is_suitable
