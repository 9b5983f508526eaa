"""Export your applications.

One part of the export of all data about a user: each context has its own. Secrets are write-only: their names are exported.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Self
from uuid import UUID

from functions.deploy.domain.application_views import ApplicationSettingsView
from functions.deploy.domain.names import EnvironmentName
from functions.deploy.domain.process_views import ProcessSizeView
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.schedule import Overlap
from functions.deploy.ports import Applications, Configurations, Deployments, Environments, Quotas, Releases, Schedules
from functions.deploy.services.storage_exporter import ExportedStorageView, StorageExporter
from functions.kernel import OWN_ACCOUNT, Caller, Model, query

MAX_APPLICATIONS, MAX_ROWS = 200, 100
"""`MAX_ROWS`: the newest releases and deployments of each application."""


class ExportApplications(Model):
    pass


class ExportedQuotaView(Model):
    """The limits."""

    applications: int
    memory_mib: int
    data_services: int
    data_services_mib: int
    volumes: int
    volumes_mib: int
    backups: int
    backups_mib: int

    @classmethod
    def of(cls, quota: Quota) -> Self:
        return cls(applications=quota.applications, memory_mib=quota.memory_mib, **asdict(quota.storage))


class ExportedScheduleView(Model):
    id: UUID
    cron: str
    time_zone: str
    command: str
    overlap: Overlap
    timeout_seconds: int
    stop_seconds: int
    created_at: datetime
    paused_at: datetime | None


class ExportedEnvironmentView(Model):
    name: EnvironmentName
    created_at: datetime
    min_scale: int
    max_scale: int
    memory_mib: int
    processes: list[ProcessSizeView]
    schedules: list[ExportedScheduleView]


class ExportedEntryView(Model):
    """`scope`: an environment, or empty for all of them. `value`: null for a secret."""

    scope: str
    name: str
    value: str | None


class ExportedReleaseView(Model):
    number: int
    commit: str
    image: str
    created_at: datetime


class ExportedDeploymentView(Model):
    id: UUID
    environment: EnvironmentName
    cause: str
    status: str
    requested_at: datetime
    finished_at: datetime | None


class ExportedApplicationView(ApplicationSettingsView, ExportedStorageView):
    created_at: datetime
    environments: list[ExportedEnvironmentView]
    configuration: list[ExportedEntryView]
    releases: list[ExportedReleaseView]
    deployments: list[ExportedDeploymentView]


class DeployExport(Model):
    quota: ExportedQuotaView | None
    applications: list[ExportedApplicationView]


@query(http="GET /v1/users/me/exports/deploy", allow=OWN_ACCOUNT)
async def export(
    request: ExportApplications,
    applications: Applications,
    environments: Environments,
    configurations: Configurations,
    releases: Releases,
    deployments: Deployments,
    quotas: Quotas,
    schedules: Schedules,
    exporter: StorageExporter,
    caller: Caller,
) -> DeployExport:
    quota = await quotas.find(caller.user_id)
    views = []
    for each in await applications.page([caller.user_id], before=None, limit=MAX_APPLICATIONS):
        entries = await configurations.at(each.id, each.config_version)
        view = ExportedApplicationView(
            **ApplicationSettingsView.of(each).model_dump(),
            **dict(await exporter.export(each, entries)),
            created_at=each.created_at,
            environments=[
                ExportedEnvironmentView(
                    name=environment.name,
                    created_at=environment.created_at,
                    min_scale=environment.size.min_scale,
                    max_scale=environment.size.max_scale,
                    memory_mib=environment.size.memory_mib,
                    processes=[ProcessSizeView.of(name, size, environment.size) for name, size in sorted(environment.processes.by_name.items())],
                    schedules=[
                        ExportedScheduleView.model_validate(schedule, from_attributes=True)
                        for schedule in await schedules.list_all(each.id, environment.name)
                    ],
                )
                for environment in await environments.list_all(each)
            ],
            configuration=[ExportedEntryView(scope=entry.scope, name=entry.name, value=entry.value) for entry in entries],
            releases=[
                ExportedReleaseView(number=release.number, commit=release.commit, image=release.image, created_at=release.created_at)
                for release in await releases.page(each.id, before=None, limit=MAX_ROWS)
            ],
            deployments=[
                ExportedDeploymentView(
                    id=deployment.id,
                    environment=deployment.environment,
                    cause=deployment.cause,
                    status=deployment.status,
                    requested_at=deployment.requested_at,
                    finished_at=deployment.finished_at,
                )
                for deployment in await deployments.page(each.id, before=None, limit=MAX_ROWS)
            ],
        )
        views.append(view)
    return DeployExport(quota=ExportedQuotaView.of(quota) if quota else None, applications=views)
