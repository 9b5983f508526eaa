"""Record that a client is attached to a one-off command.

For the function that serves terminals: the command has started. Idempotent.
"""

from uuid import UUID

from functions.deploy.domain.rejections import RunNotFound
from functions.deploy.ports import Runs
from functions.kernel import ANYONE, Clock, Done, Model, command


class RecordAttachment(Model):
    application_id: UUID
    run_id: UUID


@command(allow=ANYONE, rejects=[RunNotFound])
async def record_attachment(request: RecordAttachment, runs: Runs, clock: Clock) -> Done[None]:
    run = await runs.lock(request.application_id, request.run_id)
    run.attach(clock.now())
    await runs.save(run)

    return Done(None)
