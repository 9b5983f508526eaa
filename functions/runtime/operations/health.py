"""Report the health of a context and its database.

It reports the process that answers, and starts no other function.
"""

from datetime import datetime
from typing import Literal

from functions.kernel import ANYONE, Clock, Model, Scale, query
from functions.runtime.storage.health_info import HealthInfo


class GetHealth(Model):
    pass


class MemoryView(Model):
    used: int
    total: int
    unit: Literal["MB"] = "MB"


class DatabaseHealthView(Model):
    """`response_time` in milliseconds."""

    connected: bool
    response_time: float


class HealthMetadataView(Model):
    version: str
    memory: MemoryView
    database: DatabaseHealthView


class HealthView(Model):
    status: Literal["healthy", "unhealthy"]
    service: str
    timestamp: datetime
    metadata: HealthMetadataView


@query(allow=ANYONE, scale=Scale(max=1, pool=1))
async def health(request: GetHealth, health_info: HealthInfo, clock: Clock) -> HealthView:
    memory, database = health_info.memory(), await health_info.database()
    return HealthView(
        status="healthy" if database.is_connected else "unhealthy",
        service=health_info.service,
        timestamp=clock.now(),
        metadata=HealthMetadataView(
            version=health_info.version(),
            memory=MemoryView(used=memory.used, total=memory.total),
            database=DatabaseHealthView(connected=database.is_connected, response_time=database.response_ms),
        ),
    )
