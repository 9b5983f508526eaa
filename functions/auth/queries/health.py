"""How the auth service is, in the specification's shape. It looks at itself and its database, and wakes nobody."""

from datetime import datetime
from typing import Literal

from functions.auth.ports import Vitals
from functions.kernel import ANYONE, Clock, Model, query


class AskHealth(Model):
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
    service: Literal["auth-service"] = "auth-service"
    timestamp: datetime
    metadata: HealthMetadata


@query(allow=ANYONE)
async def health(asked: AskHealth, vitals: Vitals, clock: Clock) -> Health:
    memory, database = vitals.memory(), await vitals.database()
    return Health(
        status="healthy" if database.connected else "unhealthy",
        timestamp=clock.now(),
        metadata=HealthMetadata(
            version=vitals.version(),
            memory=MemoryUse(used=memory.used, total=memory.total),
            database=DatabaseHealth(connected=database.connected, response_time=database.response_ms),
        ),
    )
