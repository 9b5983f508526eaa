"""Nothing, and an event about it: what remains is the runtime's own work."""

from functions.probe.events import NothingDone

from functions.kernel import ANYONE, Done, Model, command, new_id


class DoNothing(Model):
    pass


@command(allow=ANYONE, emits=[NothingDone])
async def do_nothing(request: DoNothing) -> Done[None]:
    return Done(None, NothingDone(id=new_id()))
