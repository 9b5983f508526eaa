# GENERATED from the declarations by `python -m functions.describe`. Do not edit: change the declaration and run it again.
"""Operations of deploy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from cli.api.deploy_models import AddDomainBody, AddExternalDataServiceBody, ApplicationDeletionAccepted, ApplicationSettingsView, ApplicationSummaryPage, ApplicationSummaryView, ApplicationView, AttachTicketView, AttachVolumeBody, BackupPolicyView, BindDataServiceBody, ChangeApplicationBody, ChangeDomainBody, ChangeScheduleBody, ConfigurationAccepted, ConfigurationView, ConfigureApplicationBody, ConfigureEnvironmentBody, CreateApplication, CreateDataServiceBody, CreateEnvironmentBody, CreateScheduleBody, CreateVolumeBody, CreatedApplicationView, CreatedEnvironmentView, DataServiceAccepted, DataServiceLogsView, DataServiceMetricsView, DataServicePage, DataServiceView, DeployBody, DeployExport, DeployKeyView, DeploymentAccepted, DeploymentSummaryPage, DeploymentSummaryView, DeploymentView, DomainPage, DomainView, EnvironmentDeletionAccepted, EnvironmentPage, EnvironmentProtectionView, EnvironmentStopAccepted, FunctionInstancesView, InspectRepository, InspectionAccepted, InspectionView, MaintenanceAccepted, MaintenanceEndAccepted, OperationView, ProcessScaleAccepted, PromoteBody, ProtectEnvironmentBody, QuotaView, ReleaseSummaryPage, ReleaseSummaryView, ReleaseView, RenameApplicationBody, RepositoryAccessView, RepositoryTokenView, ResizeVolumeBody, RestoreDataServiceBody, RestoreVolumeBody, RollBackBody, RotationAccepted, RunAccepted, RunCancellationAccepted, RunPage, RunView, RunningEnvironmentPage, ScaleAccepted, ScaleDataServiceBody, ScaleEnvironmentBody, ScaleProcessesBody, ScalingAccepted, ScheduleAccepted, ScheduleDeletionAccepted, SchedulePage, ScheduledRunAccepted, ServiceBackupPage, ServiceBackupPolicyView, ServiceBackupView, ServiceRestoreView, ServiceTunnelView, SetBackupPolicyBody, SetDomainCertificateBody, SetHostKeysBody, SetRepositoryTokenBody, StartMaintenanceBody, StartRunBody, TransferApplicationBody, TransferredApplicationView, UsedDataServiceView, VolumeAccepted, VolumePage, VolumeSnapshotAccepted, VolumeSnapshotPage, VolumeSnapshotView, VolumeView
from cli.api.shared_models import DeadLettersView, SettleDeadLetters, SettledDeadLettersView
from cli.api.transport import Operations, segment


class Deploy(Operations):
    def applications(
        self,
        *,
        team_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> ApplicationSummaryPage:
        """List the applications of your teams, newest first."""
        return cast(ApplicationSummaryPage, self._call("GET", "/v1/apps", query={"teamId": team_id, "limit": limit, "cursor": cursor}))

    def all_applications(
        self,
        *,
        team_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Iterator[ApplicationSummaryView]:
        """List the applications of your teams, newest first: the items of all pages."""
        return cast(Iterator[ApplicationSummaryView], self._items("/v1/apps", {"teamId": team_id, "limit": limit, "cursor": cursor}))

    def create_application(
        self,
        body: CreateApplication,
        *,
        idempotency_key: str | None = None,
    ) -> CreatedApplicationView:
        """Create an application from a git repository or an image."""
        return cast(CreatedApplicationView, self._call("POST", "/v1/apps", body=body, idempotency_key=idempotency_key))

    def application(self, application_id: str) -> ApplicationView:
        """Show an application and what serves in its environments."""
        return cast(ApplicationView, self._call("GET", f"/v1/apps/{segment(application_id)}"))

    def change_application(
        self,
        application_id: str,
        body: ChangeApplicationBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> ApplicationSettingsView:
        """Change the repository, image or settings of a build."""
        return cast(ApplicationSettingsView, self._call("PATCH", f"/v1/apps/{segment(application_id)}", body=body or {}, idempotency_key=idempotency_key))

    def delete_application(
        self,
        application_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> ApplicationDeletionAccepted:
        """Delete an application with all its environments."""
        return cast(ApplicationDeletionAccepted, self._call("DELETE", f"/v1/apps/{segment(application_id)}", idempotency_key=idempotency_key))

    def application_configuration(self, application_id: str) -> ConfigurationView:
        """Show the configuration that all environments share."""
        return cast(ConfigurationView, self._call("GET", f"/v1/apps/{segment(application_id)}/config"))

    def configure_application(
        self,
        application_id: str,
        body: ConfigureApplicationBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> ConfigurationAccepted:
        """Set variables and secrets for all environments."""
        return cast(ConfigurationAccepted, self._call("PATCH", f"/v1/apps/{segment(application_id)}/config", body=body or {}, idempotency_key=idempotency_key))

    def create_deploy_key(self, application_id: str, *, idempotency_key: str | None = None) -> DeployKeyView:
        """Create the deploy key of an application, or show it."""
        return cast(DeployKeyView, self._call("PUT", f"/v1/apps/{segment(application_id)}/deploy-key", idempotency_key=idempotency_key))

    def rotate_deploy_key(self, application_id: str, *, idempotency_key: str | None = None) -> DeployKeyView:
        """Replace the deploy key of an application by a new one."""
        return cast(DeployKeyView, self._call("POST", f"/v1/apps/{segment(application_id)}/deploy-key/rotate", idempotency_key=idempotency_key))

    def deployments(
        self,
        application_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> DeploymentSummaryPage:
        """List the deployments of an application, newest first."""
        return cast(DeploymentSummaryPage, self._call("GET", f"/v1/apps/{segment(application_id)}/deployments", query={"limit": limit, "cursor": cursor}))

    def all_deployments(
        self,
        application_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Iterator[DeploymentSummaryView]:
        """List the deployments of an application, newest first: the items of all pages."""
        return cast(Iterator[DeploymentSummaryView], self._items(f"/v1/apps/{segment(application_id)}/deployments", {"limit": limit, "cursor": cursor}))

    def deploy(
        self,
        application_id: str,
        body: DeployBody,
        *,
        idempotency_key: str | None = None,
    ) -> DeploymentAccepted:
        """Deploy a branch, tag or commit."""
        return cast(DeploymentAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/deployments", body=body, idempotency_key=idempotency_key))

    def deployment(self, application_id: str, deployment_id: str) -> DeploymentView:
        """Show a deployment with its steps and outcome."""
        return cast(DeploymentView, self._call("GET", f"/v1/apps/{segment(application_id)}/deployments/{segment(deployment_id)}"))

    def cancel_deployment(
        self,
        application_id: str,
        deployment_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> DeploymentAccepted:
        """Cancel a running deployment."""
        return cast(DeploymentAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/deployments/{segment(deployment_id)}/cancellation", idempotency_key=idempotency_key))

    def domains(self, application_id: str, *, environment: str | None = None) -> DomainPage:
        """List the domains of an application."""
        return cast(DomainPage, self._call("GET", f"/v1/apps/{segment(application_id)}/domains", query={"environment": environment}))

    def domain(self, application_id: str, host: str) -> DomainView:
        """Show a domain with its DNS records and its certificate."""
        return cast(DomainView, self._call("GET", f"/v1/apps/{segment(application_id)}/domains/{segment(host)}"))

    def change_domain(
        self,
        application_id: str,
        host: str,
        body: ChangeDomainBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> DomainView:
        """Change the redirect to HTTPS and HSTS of a domain."""
        return cast(DomainView, self._call("PATCH", f"/v1/apps/{segment(application_id)}/domains/{segment(host)}", body=body or {}, idempotency_key=idempotency_key))

    def remove_domain(self, application_id: str, host: str, *, idempotency_key: str | None = None) -> DomainView:
        """Remove a domain with its certificate."""
        return cast(DomainView, self._call("DELETE", f"/v1/apps/{segment(application_id)}/domains/{segment(host)}", idempotency_key=idempotency_key))

    def set_domain_certificate(
        self,
        application_id: str,
        host: str,
        body: SetDomainCertificateBody,
        *,
        idempotency_key: str | None = None,
    ) -> DomainView:
        """Set a certificate of your own for a domain."""
        return cast(DomainView, self._call("PUT", f"/v1/apps/{segment(application_id)}/domains/{segment(host)}/certificate", body=body, idempotency_key=idempotency_key))

    def delete_domain_certificate(
        self,
        application_id: str,
        host: str,
        *,
        idempotency_key: str | None = None,
    ) -> DomainView:
        """Delete the certificate of a domain."""
        return cast(DomainView, self._call("DELETE", f"/v1/apps/{segment(application_id)}/domains/{segment(host)}/certificate", idempotency_key=idempotency_key))

    def check_domain(self, application_id: str, host: str, *, idempotency_key: str | None = None) -> DomainView:
        """Verify the DNS records of a domain now."""
        return cast(DomainView, self._call("POST", f"/v1/apps/{segment(application_id)}/domains/{segment(host)}/checks", idempotency_key=idempotency_key))

    def environments(self, application_id: str) -> EnvironmentPage:
        """List environments with their size and what serves there."""
        return cast(EnvironmentPage, self._call("GET", f"/v1/apps/{segment(application_id)}/environments"))

    def create_environment(
        self,
        application_id: str,
        body: CreateEnvironmentBody,
        *,
        idempotency_key: str | None = None,
    ) -> CreatedEnvironmentView:
        """Create an environment of an application."""
        return cast(CreatedEnvironmentView, self._call("POST", f"/v1/apps/{segment(application_id)}/environments", body=body, idempotency_key=idempotency_key))

    def delete_environment(
        self,
        application_id: str,
        environment: str,
        *,
        idempotency_key: str | None = None,
    ) -> EnvironmentDeletionAccepted:
        """Delete an environment of an application."""
        return cast(EnvironmentDeletionAccepted, self._call("DELETE", f"/v1/apps/{segment(application_id)}/environments/{segment(environment)}", idempotency_key=idempotency_key))

    def environment_configuration(self, application_id: str, environment: str) -> ConfigurationView:
        """Show the configuration that applies in an environment."""
        return cast(ConfigurationView, self._call("GET", f"/v1/apps/{segment(application_id)}/environments/{segment(environment)}/config"))

    def configure_environment(
        self,
        application_id: str,
        environment: str,
        body: ConfigureEnvironmentBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> ConfigurationAccepted:
        """Set variables and secrets of one environment."""
        return cast(ConfigurationAccepted, self._call("PATCH", f"/v1/apps/{segment(application_id)}/environments/{segment(environment)}/config", body=body or {}, idempotency_key=idempotency_key))

    def add_domain(
        self,
        application_id: str,
        environment: str,
        body: AddDomainBody,
        *,
        idempotency_key: str | None = None,
    ) -> DomainView:
        """Add a domain to an environment."""
        return cast(DomainView, self._call("POST", f"/v1/apps/{segment(application_id)}/environments/{segment(environment)}/domains", body=body, idempotency_key=idempotency_key))

    def start_maintenance(
        self,
        application_id: str,
        environment: str,
        body: StartMaintenanceBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> MaintenanceAccepted:
        """Start maintenance: visitors get a page with status 503."""
        return cast(MaintenanceAccepted, self._call("PUT", f"/v1/apps/{segment(application_id)}/environments/{segment(environment)}/maintenance", body=body or {}, idempotency_key=idempotency_key))

    def end_maintenance(
        self,
        application_id: str,
        environment: str,
        *,
        idempotency_key: str | None = None,
    ) -> MaintenanceEndAccepted:
        """End maintenance: visitors reach the application again."""
        return cast(MaintenanceEndAccepted, self._call("DELETE", f"/v1/apps/{segment(application_id)}/environments/{segment(environment)}/maintenance", idempotency_key=idempotency_key))

    def scale_processes(
        self,
        application_id: str,
        environment: str,
        body: ScaleProcessesBody,
        *,
        idempotency_key: str | None = None,
    ) -> ProcessScaleAccepted:
        """Change instances and size of process types."""
        return cast(ProcessScaleAccepted, self._call("PUT", f"/v1/apps/{segment(application_id)}/environments/{segment(environment)}/processes", body=body, idempotency_key=idempotency_key))

    def protect_environment(
        self,
        application_id: str,
        environment: str,
        body: ProtectEnvironmentBody,
        *,
        idempotency_key: str | None = None,
    ) -> EnvironmentProtectionView:
        """Set whether a developer needs a grant for an environment."""
        return cast(EnvironmentProtectionView, self._call("PUT", f"/v1/apps/{segment(application_id)}/environments/{segment(environment)}/protection", body=body, idempotency_key=idempotency_key))

    def restart_environment(
        self,
        application_id: str,
        environment: str,
        *,
        idempotency_key: str | None = None,
    ) -> DeploymentAccepted:
        """Restart the instances of an environment."""
        return cast(DeploymentAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/environments/{segment(environment)}/restart", idempotency_key=idempotency_key))

    def roll_back(
        self,
        application_id: str,
        environment: str,
        body: RollBackBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> DeploymentAccepted:
        """Roll back an environment to an earlier release."""
        return cast(DeploymentAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/environments/{segment(environment)}/rollbacks", body=body or {}, idempotency_key=idempotency_key))

    def start_run(
        self,
        application_id: str,
        environment: str,
        body: StartRunBody,
        *,
        idempotency_key: str | None = None,
    ) -> RunAccepted:
        """Run a one-off command in an environment."""
        return cast(RunAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/environments/{segment(environment)}/runs", body=body, idempotency_key=idempotency_key))

    def scale_environment(
        self,
        application_id: str,
        environment: str,
        body: ScaleEnvironmentBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> ScaleAccepted:
        """Change instances, memory and CPU of an environment."""
        return cast(ScaleAccepted, self._call("PUT", f"/v1/apps/{segment(application_id)}/environments/{segment(environment)}/scale", body=body or {}, idempotency_key=idempotency_key))

    def create_schedule(
        self,
        application_id: str,
        environment: str,
        body: CreateScheduleBody,
        *,
        idempotency_key: str | None = None,
    ) -> ScheduleAccepted:
        """Run a command on a schedule."""
        return cast(ScheduleAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/environments/{segment(environment)}/schedules", body=body, idempotency_key=idempotency_key))

    def start_environment(
        self,
        application_id: str,
        environment: str,
        *,
        idempotency_key: str | None = None,
    ) -> DeploymentAccepted:
        """Start a stopped environment."""
        return cast(DeploymentAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/environments/{segment(environment)}/start", idempotency_key=idempotency_key))

    def stop_environment(
        self,
        application_id: str,
        environment: str,
        *,
        idempotency_key: str | None = None,
    ) -> EnvironmentStopAccepted:
        """Stop an environment: it runs nothing until it is started."""
        return cast(EnvironmentStopAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/environments/{segment(environment)}/stop", idempotency_key=idempotency_key))

    def add_external_data_service(
        self,
        application_id: str,
        body: AddExternalDataServiceBody,
        *,
        idempotency_key: str | None = None,
    ) -> DataServiceView:
        """Add a server elsewhere as a data service, by its URL."""
        return cast(DataServiceView, self._call("POST", f"/v1/apps/{segment(application_id)}/external-services", body=body, idempotency_key=idempotency_key))

    def set_host_keys(
        self,
        application_id: str,
        body: SetHostKeysBody,
        *,
        idempotency_key: str | None = None,
    ) -> RepositoryAccessView:
        """Set the known host keys of a repository's ssh server."""
        return cast(RepositoryAccessView, self._call("PUT", f"/v1/apps/{segment(application_id)}/host-keys", body=body, idempotency_key=idempotency_key))

    def instances(self, application_id: str, *, environment: str | None = None) -> RunningEnvironmentPage:
        """List the running instances of an application."""
        return cast(RunningEnvironmentPage, self._call("GET", f"/v1/apps/{segment(application_id)}/instances", query={"environment": environment}))

    def rename_application(
        self,
        application_id: str,
        body: RenameApplicationBody,
        *,
        idempotency_key: str | None = None,
    ) -> ApplicationSettingsView:
        """Rename an application that was never deployed."""
        return cast(ApplicationSettingsView, self._call("PUT", f"/v1/apps/{segment(application_id)}/name", body=body, idempotency_key=idempotency_key))

    def promote(
        self,
        application_id: str,
        body: PromoteBody,
        *,
        idempotency_key: str | None = None,
    ) -> DeploymentAccepted:
        """Deploy what one environment serves to another environment."""
        return cast(DeploymentAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/promotions", body=body, idempotency_key=idempotency_key))

    def releases(
        self,
        application_id: str,
        *,
        limit: int | None = None,
        cursor: int | None = None,
    ) -> ReleaseSummaryPage:
        """List the releases of an application, newest first."""
        return cast(ReleaseSummaryPage, self._call("GET", f"/v1/apps/{segment(application_id)}/releases", query={"limit": limit, "cursor": cursor}))

    def all_releases(
        self,
        application_id: str,
        *,
        limit: int | None = None,
        cursor: int | None = None,
    ) -> Iterator[ReleaseSummaryView]:
        """List the releases of an application, newest first: the items of all pages."""
        return cast(Iterator[ReleaseSummaryView], self._items(f"/v1/apps/{segment(application_id)}/releases", {"limit": limit, "cursor": cursor}))

    def release(self, application_id: str, number: str) -> ReleaseView:
        """Show a release."""
        return cast(ReleaseView, self._call("GET", f"/v1/apps/{segment(application_id)}/releases/{segment(number)}"))

    def repository_access(self, application_id: str) -> RepositoryAccessView:
        """Show deploy key, token and host keys of a repository."""
        return cast(RepositoryAccessView, self._call("GET", f"/v1/apps/{segment(application_id)}/repository-access"))

    def set_repository_token(
        self,
        application_id: str,
        body: SetRepositoryTokenBody,
        *,
        idempotency_key: str | None = None,
    ) -> RepositoryTokenView:
        """Set the access token for a private https repository."""
        return cast(RepositoryTokenView, self._call("PUT", f"/v1/apps/{segment(application_id)}/repository-token", body=body, idempotency_key=idempotency_key))

    def delete_repository_token(
        self,
        application_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> RepositoryAccessView:
        """Delete the access token of a repository."""
        return cast(RepositoryAccessView, self._call("DELETE", f"/v1/apps/{segment(application_id)}/repository-token", idempotency_key=idempotency_key))

    def runs(self, application_id: str, *, limit: int | None = None, cursor: str | None = None) -> RunPage:
        """List the one-off commands of an application, newest first."""
        return cast(RunPage, self._call("GET", f"/v1/apps/{segment(application_id)}/runs", query={"limit": limit, "cursor": cursor}))

    def all_runs(
        self,
        application_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Iterator[RunView]:
        """List the one-off commands of an application, newest first: the items of all pages."""
        return cast(Iterator[RunView], self._items(f"/v1/apps/{segment(application_id)}/runs", {"limit": limit, "cursor": cursor}))

    def run(self, application_id: str, run_id: str) -> RunView:
        """Show a one-off command with its status and exit code."""
        return cast(RunView, self._call("GET", f"/v1/apps/{segment(application_id)}/runs/{segment(run_id)}"))

    def attach_run(self, application_id: str, run_id: str, *, idempotency_key: str | None = None) -> AttachTicketView:
        """Request a ticket to attach to a one-off command."""
        return cast(AttachTicketView, self._call("POST", f"/v1/apps/{segment(application_id)}/runs/{segment(run_id)}/attachments", idempotency_key=idempotency_key))

    def cancel_run(
        self,
        application_id: str,
        run_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> RunCancellationAccepted:
        """Cancel a one-off command."""
        return cast(RunCancellationAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/runs/{segment(run_id)}/cancellation", idempotency_key=idempotency_key))

    def schedules(self, application_id: str, *, environment: str | None = None) -> SchedulePage:
        """List the schedules of an application."""
        return cast(SchedulePage, self._call("GET", f"/v1/apps/{segment(application_id)}/schedules", query={"environment": environment}))

    def change_schedule(
        self,
        application_id: str,
        schedule_id: str,
        body: ChangeScheduleBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> ScheduleAccepted:
        """Change a schedule, pause or resume it."""
        return cast(ScheduleAccepted, self._call("PATCH", f"/v1/apps/{segment(application_id)}/schedules/{segment(schedule_id)}", body=body or {}, idempotency_key=idempotency_key))

    def delete_schedule(
        self,
        application_id: str,
        schedule_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> ScheduleDeletionAccepted:
        """Delete a schedule."""
        return cast(ScheduleDeletionAccepted, self._call("DELETE", f"/v1/apps/{segment(application_id)}/schedules/{segment(schedule_id)}", idempotency_key=idempotency_key))

    def schedule_runs(
        self,
        application_id: str,
        schedule_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> RunPage:
        """List the runs of a schedule, newest first."""
        return cast(RunPage, self._call("GET", f"/v1/apps/{segment(application_id)}/schedules/{segment(schedule_id)}/runs", query={"limit": limit, "cursor": cursor}))

    def all_schedule_runs(
        self,
        application_id: str,
        schedule_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Iterator[RunView]:
        """List the runs of a schedule, newest first: the items of all pages."""
        return cast(Iterator[RunView], self._items(f"/v1/apps/{segment(application_id)}/schedules/{segment(schedule_id)}/runs", {"limit": limit, "cursor": cursor}))

    def run_schedule(
        self,
        application_id: str,
        schedule_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> ScheduledRunAccepted:
        """Run the command of a schedule now."""
        return cast(ScheduledRunAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/schedules/{segment(schedule_id)}/runs", idempotency_key=idempotency_key))

    def data_services(self, application_id: str) -> DataServicePage:
        """List the data services of an application."""
        return cast(DataServicePage, self._call("GET", f"/v1/apps/{segment(application_id)}/services"))

    def create_data_service(
        self,
        application_id: str,
        body: CreateDataServiceBody,
        *,
        idempotency_key: str | None = None,
    ) -> DataServiceAccepted:
        """Create a database or a Redis for an application."""
        return cast(DataServiceAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/services", body=body, idempotency_key=idempotency_key))

    def data_service(self, application_id: str, service_id: str) -> UsedDataServiceView:
        """Show a data service with what it uses now."""
        return cast(UsedDataServiceView, self._call("GET", f"/v1/apps/{segment(application_id)}/services/{segment(service_id)}"))

    def delete_data_service(
        self,
        application_id: str,
        service_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> DataServiceView:
        """Delete a data service that is bound to no environment."""
        return cast(DataServiceView, self._call("DELETE", f"/v1/apps/{segment(application_id)}/services/{segment(service_id)}", idempotency_key=idempotency_key))

    def backup_policy(self, application_id: str, service_id: str) -> ServiceBackupPolicyView:
        """Show when a data service is backed up, and how long."""
        return cast(ServiceBackupPolicyView, self._call("GET", f"/v1/apps/{segment(application_id)}/services/{segment(service_id)}/backup-policy"))

    def set_backup_policy(
        self,
        application_id: str,
        service_id: str,
        body: SetBackupPolicyBody,
        *,
        idempotency_key: str | None = None,
    ) -> BackupPolicyView:
        """Set when a data service is backed up, and how long."""
        return cast(BackupPolicyView, self._call("PUT", f"/v1/apps/{segment(application_id)}/services/{segment(service_id)}/backup-policy", body=body, idempotency_key=idempotency_key))

    def service_backups(self, application_id: str, service_id: str) -> ServiceBackupPage:
        """List the backups of a data service, newest first."""
        return cast(ServiceBackupPage, self._call("GET", f"/v1/apps/{segment(application_id)}/services/{segment(service_id)}/backups"))

    def create_service_backup(
        self,
        application_id: str,
        service_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> ServiceBackupView:
        """Store a backup of a data service."""
        return cast(ServiceBackupView, self._call("POST", f"/v1/apps/{segment(application_id)}/services/{segment(service_id)}/backups", idempotency_key=idempotency_key))

    def service_backup(self, application_id: str, service_id: str, backup_id: str) -> ServiceBackupView:
        """Show a backup of a data service."""
        return cast(ServiceBackupView, self._call("GET", f"/v1/apps/{segment(application_id)}/services/{segment(service_id)}/backups/{segment(backup_id)}"))

    def delete_service_backup(
        self,
        application_id: str,
        service_id: str,
        backup_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> ServiceBackupView:
        """Delete a backup of a data service. Irreversible."""
        return cast(ServiceBackupView, self._call("DELETE", f"/v1/apps/{segment(application_id)}/services/{segment(service_id)}/backups/{segment(backup_id)}", idempotency_key=idempotency_key))

    def bind_data_service(
        self,
        application_id: str,
        service_id: str,
        environment: str,
        body: BindDataServiceBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> ConfigurationAccepted:
        """Bind a data service to an environment."""
        return cast(ConfigurationAccepted, self._call("PUT", f"/v1/apps/{segment(application_id)}/services/{segment(service_id)}/bindings/{segment(environment)}", body=body or {}, idempotency_key=idempotency_key))

    def unbind_data_service(
        self,
        application_id: str,
        service_id: str,
        environment: str,
        *,
        deploy: bool | None = None,
        idempotency_key: str | None = None,
    ) -> ConfigurationAccepted:
        """Unbind a data service from an environment."""
        return cast(ConfigurationAccepted, self._call("DELETE", f"/v1/apps/{segment(application_id)}/services/{segment(service_id)}/bindings/{segment(environment)}", query={"deploy": deploy}, idempotency_key=idempotency_key))

    def data_service_logs(self, application_id: str, service_id: str) -> DataServiceLogsView:
        """Show the last log lines of a data service's server."""
        return cast(DataServiceLogsView, self._call("GET", f"/v1/apps/{segment(application_id)}/services/{segment(service_id)}/logs"))

    def data_service_metrics(self, application_id: str, service_id: str) -> DataServiceMetricsView:
        """Show what a data service does now."""
        return cast(DataServiceMetricsView, self._call("GET", f"/v1/apps/{segment(application_id)}/services/{segment(service_id)}/metrics"))

    def restore_data_service(
        self,
        application_id: str,
        service_id: str,
        body: RestoreDataServiceBody,
        *,
        idempotency_key: str | None = None,
    ) -> ServiceRestoreView:
        """Restore a backup into its data service, or into a new one."""
        return cast(ServiceRestoreView, self._call("POST", f"/v1/apps/{segment(application_id)}/services/{segment(service_id)}/restores", body=body, idempotency_key=idempotency_key))

    def rotate_data_service(
        self,
        application_id: str,
        service_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> RotationAccepted:
        """Rotate the credentials of a data service."""
        return cast(RotationAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/services/{segment(service_id)}/rotate", idempotency_key=idempotency_key))

    def scale_data_service(
        self,
        application_id: str,
        service_id: str,
        body: ScaleDataServiceBody,
        *,
        idempotency_key: str | None = None,
    ) -> ScalingAccepted:
        """Change the plan of a data service."""
        return cast(ScalingAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/services/{segment(service_id)}/scale", body=body, idempotency_key=idempotency_key))

    def open_service_tunnel(
        self,
        application_id: str,
        service_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> ServiceTunnelView:
        """Open a tunnel to a data service."""
        return cast(ServiceTunnelView, self._call("POST", f"/v1/apps/{segment(application_id)}/services/{segment(service_id)}/tunnels", idempotency_key=idempotency_key))

    def undelete_data_service(
        self,
        application_id: str,
        service_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> DataServiceView:
        """Undo the deletion of a data service within its grace period."""
        return cast(DataServiceView, self._call("POST", f"/v1/apps/{segment(application_id)}/services/{segment(service_id)}/undelete", idempotency_key=idempotency_key))

    def transfer_application(
        self,
        application_id: str,
        body: TransferApplicationBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> TransferredApplicationView:
        """Transfer an application to another team."""
        return cast(TransferredApplicationView, self._call("POST", f"/v1/apps/{segment(application_id)}/transfer", body=body or {}, idempotency_key=idempotency_key))

    def volumes(self, application_id: str) -> VolumePage:
        """List the volumes of an application."""
        return cast(VolumePage, self._call("GET", f"/v1/apps/{segment(application_id)}/volumes"))

    def create_volume(
        self,
        application_id: str,
        body: CreateVolumeBody,
        *,
        idempotency_key: str | None = None,
    ) -> VolumeAccepted:
        """Create a volume for an application."""
        return cast(VolumeAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/volumes", body=body, idempotency_key=idempotency_key))

    def volume(self, application_id: str, volume_id: str) -> VolumeView:
        """Show a volume with what it holds now."""
        return cast(VolumeView, self._call("GET", f"/v1/apps/{segment(application_id)}/volumes/{segment(volume_id)}"))

    def delete_volume(self, application_id: str, volume_id: str, *, idempotency_key: str | None = None) -> VolumeView:
        """Delete a volume that is attached to no environment."""
        return cast(VolumeView, self._call("DELETE", f"/v1/apps/{segment(application_id)}/volumes/{segment(volume_id)}", idempotency_key=idempotency_key))

    def attach_volume(
        self,
        application_id: str,
        volume_id: str,
        body: AttachVolumeBody,
        *,
        idempotency_key: str | None = None,
    ) -> ConfigurationAccepted:
        """Attach a volume to processes of an environment."""
        return cast(ConfigurationAccepted, self._call("PUT", f"/v1/apps/{segment(application_id)}/volumes/{segment(volume_id)}/attachment", body=body, idempotency_key=idempotency_key))

    def detach_volume(
        self,
        application_id: str,
        volume_id: str,
        *,
        deploy: bool | None = None,
        idempotency_key: str | None = None,
    ) -> ConfigurationAccepted:
        """Detach a volume from its environment."""
        return cast(ConfigurationAccepted, self._call("DELETE", f"/v1/apps/{segment(application_id)}/volumes/{segment(volume_id)}/attachment", query={"deploy": deploy}, idempotency_key=idempotency_key))

    def resize_volume(
        self,
        application_id: str,
        volume_id: str,
        body: ResizeVolumeBody,
        *,
        idempotency_key: str | None = None,
    ) -> VolumeAccepted:
        """Resize a volume: it only grows."""
        return cast(VolumeAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/volumes/{segment(volume_id)}/resize", body=body, idempotency_key=idempotency_key))

    def restore_volume(
        self,
        application_id: str,
        volume_id: str,
        body: RestoreVolumeBody,
        *,
        idempotency_key: str | None = None,
    ) -> VolumeAccepted:
        """Restore a volume, or a new one, from a snapshot."""
        return cast(VolumeAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/volumes/{segment(volume_id)}/restore", body=body, idempotency_key=idempotency_key))

    def volume_snapshots(self, application_id: str, volume_id: str) -> VolumeSnapshotPage:
        """List the snapshots of a volume, the newest first."""
        return cast(VolumeSnapshotPage, self._call("GET", f"/v1/apps/{segment(application_id)}/volumes/{segment(volume_id)}/snapshots"))

    def create_volume_snapshot(
        self,
        application_id: str,
        volume_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> VolumeSnapshotAccepted:
        """Create a snapshot of a volume."""
        return cast(VolumeSnapshotAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/volumes/{segment(volume_id)}/snapshots", idempotency_key=idempotency_key))

    def delete_volume_snapshot(
        self,
        application_id: str,
        volume_id: str,
        snapshot_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> VolumeSnapshotView:
        """Delete a snapshot of a volume."""
        return cast(VolumeSnapshotView, self._call("DELETE", f"/v1/apps/{segment(application_id)}/volumes/{segment(volume_id)}/snapshots/{segment(snapshot_id)}", idempotency_key=idempotency_key))

    def undelete_volume(self, application_id: str, volume_id: str, *, idempotency_key: str | None = None) -> VolumeView:
        """Undo the deletion of a volume within its grace period."""
        return cast(VolumeView, self._call("POST", f"/v1/apps/{segment(application_id)}/volumes/{segment(volume_id)}/undelete", idempotency_key=idempotency_key))

    def function_instances(self) -> FunctionInstancesView:
        """List the instances of the platform's functions (admin)."""
        return cast(FunctionInstancesView, self._call("GET", "/v1/functions/instances"))

    def inspect_repository(self, body: InspectRepository, *, idempotency_key: str | None = None) -> InspectionAccepted:
        """Inspect a repository: what a build of it would do."""
        return cast(InspectionAccepted, self._call("POST", "/v1/inspections", body=body, idempotency_key=idempotency_key))

    def inspection(self, inspection_id: str) -> InspectionView:
        """Show an inspection, with its plan when it has ended."""
        return cast(InspectionView, self._call("GET", f"/v1/inspections/{segment(inspection_id)}"))

    def dead_letters(
        self,
        *,
        id: str | None = None,
        function: str | None = None,
        error: str | None = None,
        state: str | None = None,
        limit: int | None = None,
    ) -> DeadLettersView:
        """List dead letters by cause and one by one."""
        return cast(DeadLettersView, self._call("GET", "/v1/operations/deploy/dead-letters", query={"id": id, "function": function, "error": error, "state": state, "limit": limit}))

    def settle_dead_letters(
        self,
        body: SettleDeadLetters,
        *,
        idempotency_key: str | None = None,
    ) -> SettledDeadLettersView:
        """Replay or discard dead letters."""
        return cast(SettledDeadLettersView, self._call("POST", "/v1/operations/deploy/dead-letters", body=body, idempotency_key=idempotency_key))

    def operation(self, operation_id: str) -> OperationView:
        """Show an operation: what a command started, and its outcome."""
        return cast(OperationView, self._call("GET", f"/v1/operations/{segment(operation_id)}"))

    def quota(self, *, team_id: str | None = None) -> QuotaView:
        """Show a quota, what is used, and why nothing new starts."""
        return cast(QuotaView, self._call("GET", "/v1/quota", query={"teamId": team_id}))

    def export(self) -> DeployExport:
        """Export your applications."""
        return cast(DeployExport, self._call("GET", "/v1/users/me/exports/deploy"))
