"""Record that usage is not measured, for bills."""

from events.monitor import MeasurementInterrupted
from functions.billing.ports import MeasurementState
from functions.kernel import Done, Order, on


@on(order=Order.ANY)
async def on_measurement_interrupted(event: MeasurementInterrupted, measurement: MeasurementState) -> Done[None]:
    await measurement.set(event.since, event.at)
    return Done(None)
