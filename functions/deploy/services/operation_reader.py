"""Find what a command has started, by its id, for somebody who may read its application."""

from uuid import UUID

from functions.deploy.domain.operation_views import OperationProgress, OperationView
from functions.deploy.domain.rejections import ApplicationNotFound, DeploymentNotFound, OperationNotFound
from functions.deploy.ports import Deployments, Operations, Runs
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Permit


class OperationReader:
    def __init__(self, deployments: Deployments, runs: Runs, operations: Operations, control: AccessControl) -> None:
        self._deployments = deployments
        self._runs = runs
        self._operations = operations
        self._control = control

    async def read(self, permit: Permit, operation_id: UUID) -> OperationProgress:
        """Raises OperationNotFound, also for that of an application that the caller may not know of, and Forbidden."""
        found = await self._find(operation_id)
        if found is None:
            raise OperationNotFound.of(operation_id)
        try:
            await self._control.to_application(permit, found.view.application_id)
        except ApplicationNotFound:
            raise OperationNotFound.of(operation_id) from None
        return found

    async def _find(self, operation_id: UUID) -> OperationProgress | None:
        if operation := await self._operations.find(operation_id):
            return OperationProgress(OperationView.of_operation(operation), operation.version)
        if run := await self._runs.find(operation_id):
            return OperationProgress(OperationView.of_run(run), 1 if run.finished_at is None else 2)
        try:
            deployment = await self._deployments.get(operation_id)
        except DeploymentNotFound:
            return None
        return OperationProgress(OperationView.of_deployment(deployment), deployment.version)
