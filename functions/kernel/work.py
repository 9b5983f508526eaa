"""How an effect meets the database: short transactions of its own, with the network between them and never inside one."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from functions.kernel.access import Origin
from functions.kernel.message import OutgoingMessage


class Record(Protocol):
    def emit(self, *events: OutgoingMessage) -> None:
        """Facts to be committed with this transaction and published after it."""
        ...


class Work(Protocol):
    """
    async def start_build(requested: DeploymentRequested, deployments: Deployments, cluster: Cluster, work: Work) -> None:
        async with work.reading():
            deployment = await deployments.get(requested.deployment_id)     # the intent: frozen parameters
        await cluster.create_job(job_of(deployment))                        # idempotent by the intent's id and attempt
        async with work.recording() as record:                              # claims the message, once
            deployment.building()
            await deployments.save(deployment)                              # compare-and-set by version
            record.emit(...)
    """

    def resumes(self, origin: Origin) -> None:
        """This message belongs to what began there (the cluster reports on a deployment that somebody asked for): what is recorded and logged from
        now on carries that correlation id and actor, so that one id leads from the request to the bill."""
        ...

    def reading(self) -> AbstractAsyncContextManager[None]:
        """A read-only transaction."""
        ...

    def preparing(self) -> AbstractAsyncContextManager[None]:
        """A writing transaction before the call that claims nothing: an intent that must be known before the world hears of it (the hash of a
        token before the mail that carries it). It is done again with every try, so what is written must bear that (`ON CONFLICT DO NOTHING`)."""
        ...

    def recording(self) -> AbstractAsyncContextManager[Record]:
        """The one writing transaction of this message: claims it in the inbox and commits its events to the outbox. If another worker has
        recorded the message already, entering it ends the function quietly: the effect has been recorded."""
        ...
