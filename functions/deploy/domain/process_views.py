"""How the API shows process types."""

from typing import Self

from functions.deploy.domain.autoscaling_readings import AutoscalerReading
from functions.deploy.domain.autoscaling_views import AutoscalingView
from functions.deploy.domain.environment import Size
from functions.deploy.domain.process_scaling import ProcessScaling
from functions.deploy.domain.processes import ProcessSize
from functions.kernel import Model


class ProcessSizeView(Model):
    """`instances`: that are to run, or with `autoscaling` that an autoscaler last asked for. `stopSeconds`: between SIGTERM and SIGKILL."""

    name: str
    instances: int
    memory_mib: int
    cpu_millis: int
    stop_seconds: int
    autoscaling: AutoscalingView | None
    """Null: the number is fixed."""

    @classmethod
    def of(cls, name: str, size: ProcessSize, default: Size, reading: AutoscalerReading | None = None, scaling: ProcessScaling | None = None) -> Self:
        memory_mib, cpu_millis = size.memory_mib or default.memory_mib, size.cpu_millis or default.cpu_millis
        autoscaling = size.autoscaling
        return cls(
            name=name,
            instances=autoscaling.clamp(size.instances if reading is None or reading.desired is None else reading.desired)
            if autoscaling
            else size.instances,
            memory_mib=memory_mib,
            cpu_millis=cpu_millis,
            stop_seconds=size.stop_seconds,
            autoscaling=AutoscalingView.of(autoscaling, reading, scaling, memory_mib=memory_mib, cpu_millis=cpu_millis) if autoscaling else None,
        )
