"""Whether billing can work: asked for by the gateway, which aggregates."""

from datetime import datetime
from typing import Literal

from functions.billing.ports import Vitals
from functions.kernel import ANYONE, Clock, Model, query


class AskHealth(Model):
    pass


class HealthMemory(Model):
    used: int
    total: int
    unit: Literal["MB"] = "MB"


class HealthDatabase(Model):
    """`response_time` in milliseconds."""

    connected: bool
    response_time: float


class HealthMetadata(Model):
    version: str
    memory: HealthMemory
    database: HealthDatabase


class HealthView(Model):
    status: Literal["healthy", "unhealthy"]
    service: str
    timestamp: datetime
    metadata: HealthMetadata


@query(allow=ANYONE)
async def health(asked: AskHealth, vitals: Vitals, clock: Clock) -> HealthView:
    memory, database = vitals.memory(), await vitals.database()
    return HealthView(
        status="healthy" if database.connected else "unhealthy",
        service="billing-service",
        timestamp=clock.now(),
        metadata=HealthMetadata(
            version=vitals.version(),
            memory=HealthMemory(used=memory.used, total=memory.total),
            database=HealthDatabase(connected=database.connected, response_time=database.response_ms),
        ),
    )
