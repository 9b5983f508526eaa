"""Report what autoscaling did to a process type.

Changes that follow each other within seconds are one report.
"""

from events.workloads import ProcessScaled, ProcessScalingObserved
from functions.deploy.services.scaling_recorder import ScalingRecorder
from functions.kernel import Order, Retry, Work, effect


@effect(order=Order.ANY, emits=[ProcessScaled], retry=Retry(attempts=5))
async def on_process_scaling_observed(event: ProcessScalingObserved, scalings: ScalingRecorder, work: Work) -> None:
    await scalings.report(event, work)
