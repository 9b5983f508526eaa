"""What a deployment applies to the cluster: rendered from its row, its release and its configuration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from functions.deploy.domain import configuration_manifests, hidden_services, manifests
from functions.deploy.domain.configuration import Entry, merge
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.maintenance import Maintenance
from functions.deploy.domain.manifests import Manifest
from functions.deploy.domain.names import secret_of
from functions.deploy.domain.release import Release
from functions.deploy.domain.release_facts import release_facts


@dataclass(frozen=True, slots=True)
class Rendering:
    """Renders the same manifests when a deployment releases and when another one rolls back to it."""

    deployment: Deployment
    release: Release
    entries: Sequence[Entry]
    """The configuration of the release, all scopes."""
    url: str = ""
    """Of the application in this environment; empty: not known before it serves."""
    stop_reason: str | None = None
    """Why the environment runs nothing; None: it runs."""
    maintenance: Maintenance | None = None

    def service(self) -> Manifest:
        service = self._running_service()
        if self.maintenance is not None:
            service = hidden_services.show_maintenance(service, self.maintenance, self.url)
        return service if self.stop_reason is None else hidden_services.stop(service, self.stop_reason)

    def _running_service(self) -> Manifest:
        return manifests.service(
            application=self.deployment.application,
            labels=self.deployment.labels,
            release={
                manifests.RELEASE: self.release.tag,
                manifests.COMMIT: self.release.commit,
                manifests.CONFIG: str(self.release.config_version),
                **configuration_manifests.pod_annotations(self._effective_entries()),
            },
            pod=self.release.manifest,
            terms=self.deployment.terms,
            variables=self._env(),
        )

    def release_job(self) -> Manifest:
        return manifests.release_job(
            name=self.deployment.release_job,
            application=self.deployment.application,
            labels=self.deployment.labels,
            command=self.release.release_command or "true",
            pod=self.release.manifest,
            size=self.deployment.terms.size,
            variables=self._env(),
            annotations=configuration_manifests.pod_annotations(self._effective_entries()),
        )

    def secrets(self, unseal: Callable[[str], str]) -> list[Manifest]:
        """Render the Secrets of this version; an empty list without secrets."""
        return configuration_manifests.secrets(
            self._effective_entries(),
            name=self._secret_name,
            application=self.deployment.application,
            environment=self.deployment.environment,
            labels=self.deployment.labels,
            unseal=unseal,
        )

    @property
    def _secret_name(self) -> str:
        return secret_of(self.deployment.application, self.deployment.environment, self.release.config_version)

    def _env(self) -> list[Manifest]:
        """The configuration, and the facts about the release, which a user's variable cannot replace."""
        deployment, release = self.deployment, self.release
        facts = release_facts(deployment.application, deployment.environment, release=release.tag, commit=release.commit, url=self.url)
        entries = [each for each in self._effective_entries() if each.name not in facts]
        fact_env = [{"name": name, "value": manifests.literal(value)} for name, value in facts.items()]
        return [*configuration_manifests.container_env(entries, self._secret_name, deployment.application, deployment.environment), *fact_env]

    def _effective_entries(self) -> list[Entry]:
        return list(merge(self.entries, self.deployment.environment).values())
