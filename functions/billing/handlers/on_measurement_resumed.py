"""Record that usage is measured again, for bills."""

from events.monitor import MeasurementResumed
from functions.billing.ports import MeasurementState
from functions.kernel import Done, Order, on


@on(order=Order.ANY)
async def on_measurement_resumed(event: MeasurementResumed, measurement: MeasurementState) -> Done[None]:
    await measurement.set(None, event.at)
    return Done(None)
