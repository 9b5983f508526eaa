"""`rollback`: apply the manifests of an earlier release again. Databases stay as they are: a migration is never undone.

A release can serve with the schema of the next one, because a migration keeps what the functions of the former release need
(docs/operations.md#upgrade).
"""

import json

from rich.console import Console

from knative.cluster import releases, rollout
from knative.cluster.connection import ClusterApi
from knative.cluster.releases import Release
from knative.machine.progress import Progress


def roll_back(cluster: ClusterApi, number: int | None, progress: Progress, options: rollout.Options) -> Release:
    """Apply release `number`, by default the last one before the present. Raises: Problem."""
    target = releases.former(releases.history(cluster), number)
    progress.print(f"Release {target.number}: {target.image}, applied {target.started_at} by {target.by}")
    return rollout.roll_out(cluster, target.objects, target.image, f"rollback to {target.number}", progress, options)


def show(found: list[Release], console: Console, *, as_json: bool) -> None:
    """Print the releases that can be applied again."""
    if as_json:
        document = [
            {"number": each.number, "image": each.image, "source": each.source, "startedAt": each.started_at, "by": each.by, "state": each.state}
            for each in found
        ]
        console.print(json.dumps(document, indent=1), markup=False, soft_wrap=True)
        return
    if not found:
        console.print("No release was applied with ./taskw cluster apply.")
    for each in found:
        console.print(
            f"{each.number:>4}  {each.state:<9} {each.started_at}  {each.by:<12} {each.source:<22} {each.image}", markup=False, soft_wrap=True
        )
