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


class MessageBacklogView(Model):
    """Events in the outbox, with the age of the oldest, early events that are parked, and open dead letters."""

    outbox: int
    outbox_oldest_seconds: float
    parked: int
    dead_letters: int


class HealthMetadataView(Model):
    """`notices`: what an operator should know about the settings and the state, as in `Payments are off: …`."""

    version: str
    notices: list[str]
    memory: MemoryView
    database: DatabaseHealthView
    messages: MessageBacklogView


class HealthView(Model):
    status: Literal["healthy", "unhealthy"]
    service: str
    timestamp: datetime
    metadata: HealthMetadataView


@query(allow=ANYONE, scale=Scale(max=1, pool=1))
async def health(request: GetHealth, health_info: HealthInfo, clock: Clock) -> HealthView:
    memory, database, backlog = health_info.memory(), await health_info.database(), await health_info.backlog()
    now = clock.now()
    return HealthView(
        status="healthy" if database.is_connected else "unhealthy",
        service=health_info.service,
        timestamp=now,
        metadata=HealthMetadataView(
            version=health_info.version(),
            notices=[*health_info.notices(), *await health_info.stored_notices(now)],
            memory=MemoryView(used=memory.used, total=memory.total),
            database=DatabaseHealthView(connected=database.is_connected, response_time=database.response_ms),
            messages=MessageBacklogView(
                outbox=backlog.outbox,
                outbox_oldest_seconds=backlog.outbox_oldest_seconds,
                parked=backlog.parked,
                dead_letters=backlog.dead_letters,
            ),
        ),
    )
