"""How a context is, in the specification's shape: the process that answers tells of itself and of its database, and wakes nothing else."""

from datetime import datetime
from typing import Literal

from functions.kernel import ANYONE, Clock, Model, Scale, query
from functions.runtime.storage.health_info import HealthInfo


class HealthAsked(Model):
    pass


class MemoryUse(Model):
    used: int
    total: int
    unit: Literal["MB"] = "MB"


class DatabaseHealth(Model):
    """`response_time` in milliseconds."""

    connected: bool
    response_time: float


class HealthMetadata(Model):
    version: str
    memory: MemoryUse
    database: DatabaseHealth


class Health(Model):
    status: Literal["healthy", "unhealthy"]
    service: str
    timestamp: datetime
    metadata: HealthMetadata


@query(allow=ANYONE, scale=Scale(max=1, pool=1))
async def health(asked: HealthAsked, health_info: HealthInfo, clock: Clock) -> Health:
    memory, database = health_info.memory(), await health_info.database()
    return Health(
        status="healthy" if database.connected else "unhealthy",
        service=health_info.service,
        timestamp=clock.now(),
        metadata=HealthMetadata(
            version=health_info.version(),
            memory=MemoryUse(used=memory.used, total=memory.total),
            database=DatabaseHealth(connected=database.connected, response_time=database.response_ms),
        ),
    )
