"""How the API shows process types."""

from typing import Self

from functions.deploy.domain.environment import Size
from functions.deploy.domain.processes import ProcessSize
from functions.kernel import Model


class ProcessSizeView(Model):
    """`instances`: that are to run. `stopSeconds`: between SIGTERM and SIGKILL."""

    name: str
    instances: int
    memory_mib: int
    cpu_millis: int
    stop_seconds: int

    @classmethod
    def of(cls, name: str, size: ProcessSize, default: Size) -> Self:
        memory_mib, cpu_millis = size.memory_mib or default.memory_mib, size.cpu_millis or default.cpu_millis
        return cls(name=name, instances=size.instances, memory_mib=memory_mib, cpu_millis=cpu_millis, stop_seconds=size.stop_seconds)
