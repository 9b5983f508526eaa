"""Which objects of the cluster an environment runs beside its Service: Deployments of process types, what scales them, and CronJobs of
schedules."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID

from functions.deploy.domain.application import Application
from functions.deploy.domain.manifests import APPLICATION, ENVIRONMENT

KINDS = ("Deployment", "HorizontalPodAutoscaler", "ScaledObject", "TriggerAuthentication", "CronJob")


@dataclass(frozen=True, slots=True)
class Workloads:
    namespace: str
    application_id: UUID
    environment: str

    @classmethod
    def of(cls, application: Application, environment: str) -> Self:
        return cls(application.namespace, application.id, environment)

    @property
    def selector(self) -> str:
        """In kubectl's notation."""
        return f"{APPLICATION}={self.application_id},{ENVIRONMENT}={self.environment}"
