"""Where a deployment stands, why there is one, and the cluster's object that decides what comes next."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from functions.deploy.domain.release import Release
from functions.kernel import Delayed, Event


class Status(StrEnum):
    REQUESTED = "requested"
    BUILDING = "building"
    PREPARING = "preparing"
    """Its release phase runs; the release before it has all the traffic."""
    RELEASING = "releasing"
    OBSERVING = "observing"
    """It has the traffic, and is watched."""
    ROLLING_BACK = "rolling-back"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ROLLED_BACK = "rolled-back"
    """It took traffic and failed, and the release before it serves again."""


BEFORE_BUILT = frozenset({Status.REQUESTED, Status.BUILDING})


class Cause(StrEnum):
    DEPLOY = "deploy"
    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    CONFIGURATION = "configuration"
    SCALE = "scale"


PREPARED = frozenset({Cause.PROMOTION, Cause.CONFIGURATION})
"""These run the release phase again, in their own environment; going back to what has run before does not."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """The cluster's object whose state decides what comes next."""

    kind: str
    namespace: str
    name: str
    deployment_id: UUID
    task: bool = False
    """The Job is a release phase and no build."""
    pinned: str | None = None
    """The revision that is to have the traffic, whatever becomes of the newest."""
    taking_traffic: bool = False
    """Its instances are looked at too: one that ends again and again may be ready each time it is asked."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a move has made: facts to tell, and a release to keep (whose number `Deployment.cut` then takes)."""

    events: tuple[Event | Delayed, ...] = ()
    release: Release | None = None
