"""How this context is. It wakes nothing: the process that answers tells of itself and of its database."""

from datetime import datetime
from typing import Literal

from functions.deploy.ports import Vitals
from functions.kernel import ANYONE, Clock, Model, query


class ShowHealth(Model):
    pass


class MemoryUse(Model):
    used: int
    total: int
    unit: Literal["MB"] = "MB"


class DatabaseHealth(Model):
    connected: bool
    response_time: float


class Metadata(Model):
    version: str
    memory: MemoryUse
    database: DatabaseHealth


class Health(Model):
    status: Literal["healthy", "unhealthy"]
    service: Literal["deploy-service"] = "deploy-service"
    timestamp: datetime
    metadata: Metadata


@query(allow=ANYONE)
async def health(asked: ShowHealth, vitals: Vitals, clock: Clock) -> Health:
    database, memory = await vitals.database(), vitals.memory()
    return Health(
        status="healthy" if database.connected else "unhealthy",
        timestamp=clock.now(),
        metadata=Metadata(
            version=vitals.version(),
            memory=MemoryUse(used=memory.used, total=memory.total),
            database=DatabaseHealth(connected=database.connected, response_time=database.response_ms),
        ),
    )
