"""Start the Job of a one-off command."""

from events.workloads import RunRequested
from functions.deploy.domain import configuration_manifests, manifests
from functions.deploy.domain.configuration import merge
from functions.deploy.domain.environment import Size
from functions.deploy.domain.image_launcher import launched
from functions.deploy.domain.names import secret_of
from functions.deploy.domain.release_facts import ApplicationUrls, release_facts
from functions.deploy.domain.run import KEPT, RunOutcome, RunStreams
from functions.deploy.domain.tenancy import attach_binding
from functions.deploy.domain.volume_manifests import StoragePolicy, mounted, serving
from functions.deploy.domain.volume_rules import CRON, RUN
from functions.deploy.ports import Applications, Cluster, ClusterRefused, Configurations, Releases, Runs, Vault, Volumes
from functions.kernel import Clock, Work, effect


@effect()
async def on_run_requested(
    event: RunRequested,
    applications: Applications,
    configurations: Configurations,
    releases: Releases,
    runs: Runs,
    volumes: Volumes,
    urls: ApplicationUrls,
    policy: StoragePolicy,
    vault: Vault,
    cluster: Cluster,
    clock: Clock,
    work: Work,
) -> None:
    async with work.reading():
        run = await runs.get(event.application_id, event.run_id)
        if run.finished_at is not None:
            return
        application = await applications.get_any(run.application_id)
        release = await releases.get(run.release_id)
        entries = list(merge(await configurations.at(application.id, release.config_version), run.environment).values())
        attached = await volumes.list_of(application.id)

    name = secret_of(application.name, run.environment, release.config_version)
    labels = {manifests.APPLICATION: str(application.id), manifests.ENVIRONMENT: run.environment}
    secrets = configuration_manifests.secrets(
        entries, name=name, application=application.name, environment=run.environment, labels=labels, unseal=vault.open
    )
    url = urls.url_of(application.name, run.environment)
    facts = release_facts(application.name, run.environment, release=release.tag, commit=release.commit, url=url)
    fact_env = [{"name": each, "value": manifests.literal(value)} for each, value in facts.items()]
    job = manifests.one_off_job(
        name=run.job,
        application=application.name,
        labels={**labels, manifests.RUN: str(run.id)},
        command=run.command,
        pod=release.manifest,
        size=Size(memory_mib=run.memory_mib, cpu_millis=run.cpu_millis),
        variables=[
            *configuration_manifests.container_env([each for each in entries if each.name not in facts], name, application.name, run.environment),
            *fact_env,
        ],
        timeout_seconds=run.timeout_seconds,
        stop_seconds=run.stop_seconds,
        kept_seconds=KEPT.seconds,
        is_attachable=run.streams is not RunStreams.LOGGED,
        has_terminal=run.streams is RunStreams.TERMINAL,
        annotations=configuration_manifests.pod_annotations(entries),
    )
    job = launched(mounted(job, serving(attached, run.environment, RUN if run.schedule_id is None else CRON), policy), release.kind)
    bindings = [] if run.streams is RunStreams.LOGGED else [attach_binding(application.name)]
    try:
        await cluster.apply(*bindings, *secrets, job)
    except ClusterRefused as refused:
        async with work.recording():
            run = await runs.lock(run.application_id, run.id)
            run.finish(RunOutcome(None, f"The cluster refused it: {refused}"), clock.now())
            await runs.save(run)
        return

    async with work.reading():  # cancelled during the call: the Job that it created must not run
        run = await runs.get(run.application_id, run.id)
    if run.cancelled_at is not None:
        await cluster.delete_job(application.namespace, run.job)
