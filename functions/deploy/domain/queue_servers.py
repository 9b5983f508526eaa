"""Whether an environment has the servers of the queues by which its process types scale."""

from collections.abc import Iterator, Mapping

from functions.deploy.domain.configuration import Entry
from functions.deploy.domain.processes import ProcessSize
from functions.deploy.domain.queue_sources import QueueSource
from functions.deploy.domain.service_plans import ServiceKind
from functions.deploy.domain.workload_rejections import InvalidAutoscaling
from functions.kernel import FieldError


def check_queue_servers(sizes: Mapping[str, ProcessSize], configuration: Mapping[str, Entry], environment: str) -> None:
    """Check the servers of Redis and RabbitMQ. `configuration`: by variable, as the environment has it. Raises InvalidAutoscaling."""
    errors = list(_errors(sizes, configuration, environment))
    if errors:
        raise InvalidAutoscaling.of(errors)


def _errors(sizes: Mapping[str, ProcessSize], configuration: Mapping[str, Entry], environment: str) -> Iterator[FieldError]:
    for name, size in sizes.items():
        for index, metric in enumerate(size.autoscaling.metrics if size.autoscaling else ()):
            if metric.queue is not None and (fault := _fault(metric.queue, configuration, environment)):
                yield FieldError(f"/processes/{name}/autoscaling/metrics/{index}/variable", fault)


def _fault(queue: QueueSource, configuration: Mapping[str, Entry], environment: str) -> str | None:
    entry = configuration.get(queue.variable or "")
    if queue.is_redis and (entry is None or entry.service_kind not in (ServiceKind.REDIS, ServiceKind.EXTERNAL)):
        remedy = "bind a Redis with `capsule services bind`, or first add a server elsewhere with `capsule services add`"
        return f"{queue.variable} is not the URL of a Redis service in {environment}: {remedy}"
    if queue.rabbitmq_queue is not None and entry is None:
        return f"{queue.variable} is not set in {environment}: set it to amqp://user:password@host/vhost, or name another variable"
    return None
