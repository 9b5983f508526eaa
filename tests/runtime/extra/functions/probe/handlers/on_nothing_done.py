"""Nothing, after an event."""

from functions.probe.events import NothingDone

from functions.kernel import Done, on


@on()
async def on_nothing_done(event: NothingDone) -> Done[None]:
    return Done(None)
