"""Find what a command has started, by its id."""

from uuid import UUID

from functions.deploy.domain.operation_views import OperationView
from functions.deploy.domain.rejections import DeploymentNotFound, OperationNotFound
from functions.deploy.ports import Deployments, Operations, Runs
from functions.kernel import OperationProgress


class OperationReader:
    def __init__(self, deployments: Deployments, runs: Runs, operations: Operations) -> None:
        self._deployments = deployments
        self._runs = runs
        self._operations = operations

    async def find(self, operation_id: UUID) -> OperationProgress[OperationView]:
        """Callers check the access to its application before they show it. Raises OperationNotFound."""
        if operation := await self._operations.find(operation_id):
            return OperationProgress(OperationView.of_operation(operation), operation.version)
        if run := await self._runs.find(operation_id):
            return OperationProgress(OperationView.of_run(run), 1 if run.finished_at is None else 2)
        try:
            deployment = await self._deployments.get(operation_id)
        except DeploymentNotFound:
            raise OperationNotFound.of(operation_id) from None
        return OperationProgress(OperationView.of_deployment(deployment), deployment.version)
