"""The transactions of an effect: short ones, with calls to external systems between them and never inside.

A query that reads an external system has `Work` too, and uses `reading()` only."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from functions.kernel.access import Origin
from functions.kernel.message import OutgoingMessage


class Record(Protocol):
    def emit(self, *events: OutgoingMessage) -> None:
        """Publish events after this transaction commits."""
        ...


class Work(Protocol):
    """What an effect gets for its message.

    async def start_build(requested: DeploymentRequested, deployments: Deployments, cluster: Cluster, work: Work) -> None:
        async with work.reading():
            deployment = await deployments.get(requested.deployment_id)     # the intent: frozen parameters
        await cluster.create_job(job_of(deployment))                        # idempotent by the intent's id and attempt
        async with work.recording() as record:                              # claims the message, once
            events = deployment.start_building()
            await deployments.save(deployment)                              # compare-and-set by version
            record.emit(*events)
    """

    @property
    def is_last_attempt(self) -> bool:
        """Whether the message becomes a dead letter if this attempt fails: record a failure that a user waits for."""
        ...

    def is_final(self, error: Exception) -> bool:
        """Whether the message becomes a dead letter if this attempt raises `error`: nothing tries it again by itself."""
        ...

    def resumes(self, origin: Origin) -> None:
        """Continue work that began elsewhere, such as a deployment on which the cluster reports.

        Events and log lines from now on carry that correlation id and actor.
        """
        ...

    def reading(self) -> AbstractAsyncContextManager[None]:
        """Open a read-only transaction in which every statement reads the moment of the first one."""
        ...

    def preparing(self) -> AbstractAsyncContextManager[None]:
        """Open a writing transaction before the external call, which does not claim the message.

        For an intent that must be stored before the call (the hash of a token before the e-mail that contains it). It runs again
        with each retry, so writes must be idempotent (`ON CONFLICT DO NOTHING`).
        """
        ...

    def recording(self) -> AbstractAsyncContextManager[Record]:
        """Open the one writing transaction that claims the message in the inbox and commits its events to the outbox.

        If another worker has recorded the message already, entering it ends the effect without an error.
        """
        ...
