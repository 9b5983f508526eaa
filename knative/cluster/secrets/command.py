"""`secrets`: read what exists, plan, and print or apply."""

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import yaml
from rich.console import Console
from rich.markup import escape

from knative.cluster import configuration_version, rollout
from knative.cluster.connection import ClusterApi, being_deleted
from knative.cluster.lease import NAMESPACE_OBJECT, exclusive
from knative.cluster.overlay import Overlay
from knative.cluster.secrets import inputs, rotation
from knative.cluster.secrets.catalog import AUTHORITIES_KEY, Catalog, has_payments
from knative.cluster.secrets.external import external_objects, store_document
from knative.cluster.secrets.planned import Planned, Replacements, State, is_external, values_of
from knative.cluster.stages import BATCH
from knative.machine.installation_objects import NAMESPACE, Object, is_login
from knative.machine.problems import Problem
from knative.machine.progress import Progress

MANAGER = rotation.MANAGER
STYLES = {State.DIFFERS: "yellow", State.MISSING: "red", State.KEPT: "dim"}


def run(options: argparse.Namespace, cluster: ClusterApi | None, overlay: Overlay, console: Console) -> int:
    """`cluster`: None with --offline: nothing exists, and nothing is applied. Returns the exit code. Raises: Problem."""
    if options.rotate:
        if cluster is None:
            raise Problem("A rotation needs the cluster.", "Leave --offline out.")
        with exclusive(cluster):
            detail, written = rotation.rotate(cluster, overlay, options.rotate, datetime.now(UTC), is_forced=options.force)
            restart_readers(cluster, overlay, written, progress_of(options, console))
        console.print(json.dumps({"rotated": options.rotate, "detail": detail}) if options.json else f"✓ {options.rotate}: {detail}", markup=False)
        return 0
    named = inputs.read(options.file, options.values, options.authorities, options.registry)
    replacements = Replacements(frozenset(options.replace))
    items = plan(cluster, overlay, named, replacements)
    if options.store_values:
        console.print(json.dumps(store_document(items), indent=1), markup=False, soft_wrap=True)
        return 0
    if options.print:
        require_all(items)
        objects = external_objects(items, options.external) if options.external else [item.manifest for item in items if not item.is_external]
        console.print(yaml.safe_dump_all([*objects, *overlay.copies_of(objects)], sort_keys=False).rstrip(), markup=False, soft_wrap=True)
        return 0
    if options.apply:
        if cluster is None:
            raise Problem("--offline cannot apply anything.", "Use --print, or leave --offline out.")
        require_all(items)
        with exclusive(cluster):
            items = plan(cluster, overlay, named, replacements)  # anew: another operator may have written passwords and keys meanwhile
            require_all(items)
            written = apply(cluster, overlay, items, options.external)
            restart_readers(cluster, overlay, written, progress_of(options, console))
    show(items, console, as_json=options.json, is_applied=options.apply)
    return 1 if any(item.keys_in(State.MISSING) for item in items) else 0


def plan(cluster: ClusterApi | None, overlay: Overlay, named: inputs.Inputs, replacements: Replacements) -> list[Planned]:
    """What the operator's values and the cluster make of each Secret and ConfigMap. Raises: Problem."""
    if named.authorities is None and cluster is not None:
        named = replace(named, authorities=read_authorities(cluster, overlay))
    existing, external = ({}, frozenset[str]()) if cluster is None else read(cluster)
    items = Catalog(overlay, named, existing, replacements, external).plan()
    require_known(replacements, items)
    return items


def read(cluster: ClusterApi) -> tuple[dict[tuple[str, str], dict[str, str]], frozenset[str]]:
    """Values of all Secrets and ConfigMaps of the namespace, and the names of Secrets that another system writes."""
    existing: dict[tuple[str, str], dict[str, str]] = {}
    external = set()
    for kind in ("Secret", "ConfigMap"):
        for item in cluster.listed("v1", kind, NAMESPACE):
            name = item["metadata"]["name"]
            if kind == "ConfigMap" or _is_text(item):
                existing[kind, name] = values_of({**item, "kind": kind})
            if kind == "Secret" and is_external(item):
                external.add(name)
    return existing, frozenset(external)


def read_authorities(cluster: ClusterApi, overlay: Overlay) -> str | None:
    """The certificates of the authorities of the servers that the overlay runs. None without such servers, or before all of them have one."""
    found = []
    for namespace, name in overlay.own_authorities:
        item = cluster.get({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}})
        text = values_of({**item, "kind": "Secret"}).get(AUTHORITIES_KEY) if item else None
        if not text:
            return None
        found.append(text.strip())
    return "\n".join(dict.fromkeys(found)) + "\n" if found else None


def _is_text(item: Object) -> bool:
    """Secrets of other programs may hold anything."""
    try:
        values_of({**item, "kind": "Secret"})
    except UnicodeDecodeError:
        return False
    return True


def require_known(replacements: Replacements, items: Iterable[Planned]) -> None:
    """Raises: Problem for a name of `--replace` that names nothing."""
    items = list(items)
    known = {"all", *(item.name for item in items), *(name for item in items for key in item.states for name in (key, f"{item.name}/{key}"))}
    if unknown := sorted(replacements.names - known):
        raise Problem(f"Nothing is named {', '.join(unknown)}.", "--replace takes all, SECRET, SECRET/KEY or KEY, as they are listed without it.")


def require_all(items: Iterable[Planned]) -> None:
    """Raises: Problem that names each value that only the operator knows."""
    missing = [f"  {item.kind} {item.name}: {item.hints[key] or key}" for item in items for key in item.keys_in(State.MISSING)]
    if missing:
        raise Problem("Missing:\n" + "\n".join(missing), "Name them in a file (--file) or as arguments: docs/cluster.md")


def apply(cluster: ClusterApi, overlay: Overlay, items: Iterable[Planned], store: str | None = None) -> list[Object]:
    """Write what changed, after the namespaces, and the copies for other namespaces. Objects that another system writes are left alone.

    Returns what was written. Raises: Problem.
    """
    own = [item for item in items if not item.is_external]
    changed = [item for item in own if item.changes or (is_login(item.name) and item.values)]  # logins: for their label
    copied = [item for item in own if item.name in overlay.namespaces_of_copies and item.values]
    copies = overlay.copies_of(external_objects(copied, store) if store else [item.manifest for item in copied])
    named = {each["metadata"]["namespace"] for each in copies}
    for namespace in (NAMESPACE_OBJECT, *(each for each in overlay.of_kind("Namespace") if each["metadata"]["name"] in named)):
        if (present := cluster.get(namespace)) is None:
            cluster.apply([namespace], MANAGER)
        elif (present.get("status") or {}).get("phase") == "Terminating":
            raise being_deleted(namespace["metadata"]["name"])
    written = [*(external_objects(changed, store) if store else [item.manifest for item in changed]), *copies]
    cluster.apply(written, MANAGER, is_dry_run=True)  # all of them or none
    cluster.apply(written, MANAGER)
    return written


def restart_readers(cluster: ClusterApi, overlay: Overlay, written: Iterable[Object], progress: Progress) -> None:
    """Restart what runs with former values of Secrets and ConfigMaps. Raises: Problem that names what is not ready; all is written then."""
    changed = frozenset(configuration_version.reference_of(each) for each in written)
    rollout.restart(cluster, configuration_version.stale(cluster, overlay.objects, changed), progress, rollout.Options(BATCH))


def progress_of(options: argparse.Namespace, console: Console) -> Progress:
    """On standard error beside JSON."""
    return Progress(Console(file=sys.stderr, highlight=False) if options.json else console)


def show(items: list[Planned], console: Console, *, as_json: bool, is_applied: bool) -> None:
    """Print what becomes of each object, without values."""
    if as_json:
        document = [
            {"kind": item.kind, "name": item.name, "external": item.is_external, "keys": {key: str(state) for key, state in item.states.items()}}
            for item in items
        ]
        console.print(json.dumps({"applied": is_applied, "objects": document}, indent=1), markup=False, soft_wrap=True)
        return
    for item in items:
        keys = " ".join(f"[{STYLES.get(state, 'green')}]{escape(key)}:{state}[/]" for key, state in item.states.items())
        note = " [dim](written by another system)[/]" if item.is_external else ""
        console.print(f"{item.kind:<10}{item.name:<24}{keys}{note}", soft_wrap=True)
    for item in items:
        for key in item.keys_in(State.MISSING):
            console.print(f"[red]✗[/] {item.name}: {escape(item.hints[key])}", soft_wrap=True)
        for key in item.keys_in(State.DIFFERS):
            console.print(f"[yellow]![/] {item.name}/{escape(key)} exists with another value. To replace it: --replace {item.name}/{escape(key)}")
    if not has_payments(items):
        console.print("[dim]No CAPSULE_STRIPE_API_KEY: customers cannot pay.[/]")
    count = sum(bool(item.changes) and not item.is_external for item in items)
    console.print(f"\n{count} of {len(items)} objects {'written' if is_applied else 'would be written. Write them: --apply'}", markup=False)


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser("secrets", parents=[common], help="make, print, apply and rotate the Secrets that a cluster needs")
    parser.add_argument("values", nargs="*", metavar="NAME=VALUE", help="settings of docs/settings.md; they count more than the file")
    parser.add_argument("-f", "--file", type=Path, metavar="FILE", help="a file with lines NAME=VALUE")
    parser.add_argument("--authorities", type=Path, metavar="FILE", help="PEM certificates that RabbitMQ and PostgreSQL are verified with")
    parser.add_argument("--registry", type=Path, metavar="FILE", help="a Docker config.json with credentials for images of applications")
    parser.add_argument("--replace", action="append", default=[], metavar="NAME", help="let an existing value change: SECRET, SECRET/KEY, KEY or all")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--apply", action="store_true", help="write what is missing")
    what.add_argument("--print", action="store_true", help="print the objects as YAML, with their values")
    what.add_argument("--store-values", action="store_true", help="print the values as JSON, for an external secret store")
    what.add_argument("--rotate", metavar="NAME", help=f"replace keys or passwords while Capsule serves: {', '.join(rotation.ROTATIONS)}")
    parser.add_argument("--force", action="store_true", help="with --rotate: also end what former keys signed, because somebody knows them")
    parser.add_argument("--external", metavar="STORE", help="with --print or --apply: ExternalSecrets that read the ClusterSecretStore STORE")
    parser.add_argument("--offline", action="store_true", help="do not ask the cluster: everything is new")
