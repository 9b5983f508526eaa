"""How the API shows what a command has started: a deployment, a one-off command or another operation of the cluster."""

from typing import Self
from uuid import UUID

from functions.deploy.domain.deployment import Deployment, Status
from functions.deploy.domain.deployment.summary import summarize
from functions.deploy.domain.operation import Operation, OperationKind
from functions.deploy.domain.run import Run, RunStatus
from functions.kernel import OperationBase, OperationProblem, OperationState, OperationStepView

STATES = {Status.SUCCEEDED: OperationState.SUCCEEDED} | dict.fromkeys((Status.FAILED, Status.CANCELLED, Status.ROLLED_BACK), OperationState.FAILED)
RUN_STATES = {
    RunStatus.RUNNING: OperationState.RUNNING,
    RunStatus.SUCCEEDED: OperationState.SUCCEEDED,
    RunStatus.FAILED: OperationState.FAILED,
    RunStatus.CANCELLED: OperationState.FAILED,
}
TITLES = {
    OperationKind.APPLICATION_DELETION: "The application was not deleted",
    OperationKind.ENVIRONMENT_DELETION: "The environment was not deleted",
    OperationKind.STOP: "The environment was not stopped",
    OperationKind.MAINTENANCE: "The maintenance page was not changed",
    OperationKind.PROCESS_SCALE: "The processes were not scaled",
    OperationKind.SCHEDULE: "The schedule was not changed",
    OperationKind.SERVICE_CREATION: "The data service was not created",
    OperationKind.SERVICE_ROTATION: "The credentials were not rotated",
    OperationKind.SERVICE_SCALE: "The plan of the data service was not changed",
    OperationKind.VOLUME_CREATION: "The volume was not created",
    OperationKind.VOLUME_RESIZE: "The volume was not resized",
    OperationKind.VOLUME_RESTORE: "The volume was not restored",
    OperationKind.VOLUME_SNAPSHOT: "The snapshot was not made",
}


NOUNS = {
    OperationKind.STOP: "stop",
    OperationKind.MAINTENANCE: "change of maintenance",
    OperationKind.PROCESS_SCALE: "scaling of processes",
    OperationKind.SCHEDULE: "change of a schedule",
    OperationKind.SERVICE_CREATION: "creation of a data service",
    OperationKind.SERVICE_ROTATION: "rotation of credentials",
    OperationKind.SERVICE_SCALE: "change of a data service's plan",
    OperationKind.VOLUME_CREATION: "creation of a volume",
    OperationKind.VOLUME_RESIZE: "growth of a volume",
    OperationKind.VOLUME_RESTORE: "restore of a volume",
    OperationKind.VOLUME_SNAPSHOT: "snapshot of a volume",
}
SERVICES = (OperationKind.SERVICE_CREATION, OperationKind.SERVICE_ROTATION, OperationKind.SERVICE_SCALE)
"""Of what stays; the other operations are deletions."""
RESOURCES = dict.fromkeys(SERVICES, "services") | {each: "volumes" for each in OperationKind if each.startswith("volume-")}
"""Where what an operation is about is found; else `environments`."""


class OperationView(OperationBase):
    kind: str
    """`deploy`, `promotion`, `rollback`, `configuration`, `scale`, `restart`, `start`, `run`, `stop`, `maintenance`, `process-scale`, `schedule`,
    `environment-deletion`, `application-deletion`, `service-creation`, `service-rotation`, `service-scale`, `volume-creation`, `volume-resize`,
    `volume-restore` or `volume-snapshot`."""
    status: str
    """The state in the words of the resource: a deployment is `building`, `observing`, `rolled-back` …"""
    application_id: UUID
    environment: str | None

    @classmethod
    def of_deployment(cls, deployment: Deployment) -> Self:
        state, summary = STATES.get(deployment.status, OperationState.RUNNING), summarize(deployment)
        problem = None
        if state is OperationState.FAILED:
            title = f"The deployment {'was rolled back' if deployment.status is Status.ROLLED_BACK else 'failed'}"
            problem = OperationProblem(title=title, detail=deployment.detail or summary, reason=deployment.reason or str(deployment.status))
        return cls(
            id=deployment.id,
            kind=deployment.cause,
            state=state,
            status=deployment.status,
            application_id=deployment.application_id,
            environment=deployment.environment,
            summary=summary,
            steps=[OperationStepView.model_validate(each, from_attributes=True) for each in deployment.steps],
            resource=f"/v1/apps/{deployment.application_id}/deployments/{deployment.id}",
            problem=problem,
            requested_at=deployment.requested_at,
            finished_at=deployment.finished_at,
        )

    @classmethod
    def of_run(cls, run: Run) -> Self:
        state = RUN_STATES[run.status]
        end = f"ended with {run.exit_code}" if run.exit_code is not None else str(run.status)
        problem = None
        if state is OperationState.FAILED:
            detail = run.detail or f"The command {end}."
            problem = OperationProblem(title="The command did not succeed", detail=detail, reason=f"command-{run.status}")
        return cls(
            id=run.id,
            kind="run",
            state=state,
            status=run.status,
            application_id=run.application_id,
            environment=run.environment,
            summary=f"The command {'is running' if state is OperationState.RUNNING else end}.",
            steps=[OperationStepView(step="running", started_at=run.requested_at, finished_at=run.finished_at)],
            resource=f"/v1/apps/{run.application_id}/runs/{run.id}",
            problem=problem,
            requested_at=run.requested_at,
            finished_at=run.finished_at,
        )

    @classmethod
    def of_operation(cls, operation: Operation) -> Self:
        subject = operation.application if operation.environment is None else f"{operation.environment} of {operation.application}"
        noun, problem = NOUNS.get(operation.kind, "deletion"), None
        if operation.state is OperationState.FAILED:
            problem = OperationProblem(title=TITLES[operation.kind], detail=operation.error or "", reason=f"{operation.kind}-failed")
        step = OperationStepView(
            step=operation.kind,
            started_at=operation.requested_at,
            finished_at=operation.finished_at,
            attempts=operation.attempts,
            error=operation.error,
        )
        is_kept = operation.kind in NOUNS
        return cls(
            id=operation.id,
            kind=operation.kind,
            state=operation.state,
            status=operation.state,
            application_id=operation.application_id,
            environment=operation.environment,
            summary=f"The {noun} of {subject} {'is running' if operation.state is OperationState.RUNNING else operation.state}.",
            steps=[step],
            resource=f"/v1/apps/{operation.application_id}/{RESOURCES.get(operation.kind, 'environments')}" if is_kept else None,
            problem=problem,
            requested_at=operation.requested_at,
            finished_at=operation.finished_at,
        )
