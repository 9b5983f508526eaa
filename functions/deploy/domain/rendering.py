"""What a deployment applies to the cluster: rendered from its row, its release and its configuration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from functions.deploy.domain import autoscaling_manifests, configuration_manifests, hidden_services, manifests, workload_manifests
from functions.deploy.domain.configuration import Entry, merge
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.environment import Size
from functions.deploy.domain.image_launcher import launched
from functions.deploy.domain.maintenance import Maintenance
from functions.deploy.domain.manifests import Manifest
from functions.deploy.domain.names import process_of, secret_of, service_of, service_secret_of
from functions.deploy.domain.processes import ProcessSizes
from functions.deploy.domain.release import Release
from functions.deploy.domain.release_facts import release_facts
from functions.deploy.domain.schedule import Schedule
from functions.deploy.domain.volume import Volume
from functions.deploy.domain.volume_manifests import StoragePolicy, mounted, serving
from functions.deploy.domain.volume_rules import CRON, RUN

WEB = "web"


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
    processes: ProcessSizes = field(default_factory=ProcessSizes)
    volumes: Sequence[Volume] = ()
    """Of the application: what is attached now, whatever release is rendered."""
    policy: StoragePolicy = field(default_factory=StoragePolicy)

    def service(self) -> Manifest:
        service = self._running_service()
        if self.maintenance is not None:
            service = hidden_services.show_maintenance(service, self.maintenance, self.url)
        return service if self.stop_reason is None else hidden_services.stop(service, self.stop_reason)

    def _running_service(self) -> Manifest:
        service = manifests.service(
            application=self.deployment.application,
            labels=self.deployment.labels,
            release=self._release_annotations,
            pod=self.release.manifest,
            terms=self.deployment.terms,
            variables=self._env(),
        )
        return self._with_volumes(service, WEB)

    def _with_volumes(self, workload: Manifest, process: str) -> Manifest:
        return launched(mounted(workload, serving(self.volumes, self.deployment.environment, process), self.policy), self.release.kind)

    def processes_of_release(self) -> list[Manifest]:
        """Render a Deployment for each process type of the release, followed by what scales it. Of a stopped environment each has no instances."""
        deployment, default = self.deployment, self.deployment.terms.size
        found = []
        for name, command in sorted(self.release.processes.items()):
            own = self.processes.of(name)
            size = Size(memory_mib=own.memory_mib or default.memory_mib, cpu_millis=own.cpu_millis or default.cpu_millis)
            autoscaling = own.autoscaling if self.stop_reason is None else None
            manifest = workload_manifests.process(
                name=process_of(deployment.application, deployment.environment, name),
                process_type=name,
                command=command,
                application=deployment.application,
                labels=deployment.labels,
                release=self._release_annotations,
                pod=self.release.manifest,
                replicas=0 if self.stop_reason is not None else None if autoscaling else own.instances,
                stop_seconds=own.stop_seconds,
                size=size,
                variables=self._env(),
            )
            found.append(self._with_volumes(manifest, name))
            if autoscaling:
                found += autoscaling_manifests.autoscalers(manifest, autoscaling, size, self._internal_url, self._service_secrets)
        return found

    @property
    def _service_secrets(self) -> dict[str, str]:
        """Variable → the Secret of the data service that is bound to it."""
        deployment = self.deployment
        return {
            each.name: service_secret_of(deployment.application, deployment.environment, each.service_id)
            for each in self._effective_entries()
            if each.service_id is not None
        }

    @property
    def _internal_url(self) -> str:
        """Of the application, from within the cluster."""
        name = service_of(self.deployment.application, self.deployment.environment)
        return f"http://{name}.{self.deployment.namespace}.svc.cluster.local"

    def cron_jobs(self, schedules: Sequence[Schedule]) -> list[Manifest]:
        """Render a CronJob for each schedule of the environment."""
        return [self._with_volumes(self._cron_job(each), CRON) for each in schedules]

    def _cron_job(self, schedule: Schedule) -> Manifest:
        return workload_manifests.cron_job(
            schedule,
            application=self.deployment.application,
            labels=self.deployment.labels,
            pod=self.release.manifest,
            size=self.deployment.terms.size,
            is_suspended=self.stop_reason is not None,
            variables=self._env(),
            annotations=configuration_manifests.pod_annotations(self._effective_entries()),
        )

    @property
    def _release_annotations(self) -> dict[str, str]:
        """Of the pods of a release."""
        return {
            manifests.RELEASE: self.release.tag,
            manifests.COMMIT: self.release.commit,
            manifests.CONFIG: str(self.release.config_version),
            **configuration_manifests.pod_annotations(self._effective_entries()),
        }

    def release_job(self) -> Manifest:
        job = manifests.release_job(
            name=self.deployment.release_job,
            application=self.deployment.application,
            labels=self.deployment.labels,
            command=self.release.release_command or "true",
            pod=self.release.manifest,
            size=self.deployment.terms.size,
            variables=self._env(),
            annotations=configuration_manifests.pod_annotations(self._effective_entries()),
        )
        return self._with_volumes(job, RUN)

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
