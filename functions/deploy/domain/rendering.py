"""What a deployment applies, from what is kept of it: the same words when it is released and when it is gone back to."""

from collections.abc import Callable, Sequence

from functions.deploy.domain import manifests
from functions.deploy.domain.configuration import Entry, merged
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.manifests import Manifest
from functions.deploy.domain.names import secret_of
from functions.deploy.domain.release import Release


def service_manifest(deployment: Deployment, release: Release, entries: Sequence[Entry]) -> Manifest:
    return manifests.service(
        application=deployment.application,
        labels=deployment.labels,
        release={
            manifests.RELEASE: release.tag,
            manifests.COMMIT: release.commit,
            manifests.CONFIG: str(release.config_version),
        },
        pod=release.manifest,
        terms=deployment.terms,
        variables=_variables(deployment, release, entries),
    )


def task_manifest(deployment: Deployment, release: Release, entries: Sequence[Entry]) -> Manifest:
    return manifests.task(
        name=deployment.task,
        application=deployment.application,
        labels=deployment.labels,
        command=release.command or "true",
        pod=release.manifest,
        size=deployment.terms.size,
        variables=_variables(deployment, release, entries),
    )


def secret_manifests(deployment: Deployment, release: Release, entries: Sequence[Entry], unseal: Callable[[str], str]) -> list[Manifest]:
    """None, or the one Secret of this version."""
    values = {each.name: unseal(each.sealed) for each in merged(entries, deployment.environment).values() if each.sealed is not None}
    if not values:
        return []
    name = secret_of(deployment.application, deployment.environment, release.config_version)
    return [manifests.secret(name=name, application=deployment.application, labels=deployment.labels, values=values)]


def _variables(deployment: Deployment, release: Release, entries: Sequence[Entry]) -> list[Manifest]:
    secret = secret_of(deployment.application, deployment.environment, release.config_version)
    return manifests.variables_of(merged(entries, deployment.environment).values(), secret)
