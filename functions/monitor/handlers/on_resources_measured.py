"""Record CPU, memory and disk, and publish CPU usage."""

from events import cluster
from events.cluster import ResourcesMeasured, ResourceWindow
from events.monitor import MeasurementResumed, UsageMeasured
from functions.kernel import Clock, Done, Order, Scale, on
from functions.monitor.domain import resources as measured
from functions.monitor.domain.disk import DiskUsage
from functions.monitor.domain.labels import PLATFORM_ID, Workload, is_platform, service_of, workload_of
from functions.monitor.domain.sanitizing import bounded, plausible
from functions.monitor.domain.usage import usage_of_cpu
from functions.monitor.ports import Applications, DiskUsages, Resources, UnownedUsage
from functions.monitor.services.measurement import Measurement


@on(emits=[UsageMeasured, MeasurementResumed], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_resources_measured(
    event: ResourcesMeasured,
    resources: Resources,
    disks: DiskUsages,
    applications: Applications,
    unowned: UnownedUsage,
    measurement: Measurement,
    clock: Clock,
) -> Done[None]:
    resumed = await measurement.record_report(clock.now())
    await disks.keep([usage for measured in event.disks if (usage := _disk_usage(measured, clock)) is not None])
    windows = [window for sample in event.windows if (window := _window(sample, clock)) is not None]
    await resources.add(windows)

    usages = usage_of_cpu(window for window in windows if window.application_id != PLATFORM_ID)
    known = await applications.lock_known({usage.application_id for usage in usages})
    await unowned.add([usage for usage in usages if usage.application_id not in known])
    return Done(None, *resumed, *(usage.event(known[usage.application_id]) for usage in usages if usage.application_id in known))


def _disk_usage(measured: cluster.DiskUsage, clock: Clock) -> DiskUsage | None:
    """None for a namespace without an application."""
    workload = workload_of(measured.labels)
    if workload is None:
        return None
    instances = None if measured.instance_bytes is None else {bounded(name): size for name, size in measured.instance_bytes.items()}
    at = plausible(measured.at, clock.now())
    return DiskUsage(workload.application_id, at, measured.images, measured.image_bytes, measured.cache_bytes, instances)


def _window(sample: ResourceWindow, clock: Clock) -> measured.ResourceWindow | None:
    """None for a pod of neither an application nor the platform."""
    now = clock.now()
    workload = workload_of(sample.labels)
    if workload is None and is_platform(sample.namespace, sample.labels):
        workload = Workload(PLATFORM_ID, "", None, "run")
    if workload is None:
        return None
    begin = plausible(sample.from_, now)
    return measured.ResourceWindow(
        begin,
        max(begin, plausible(sample.to, now)),
        workload.application_id,
        workload.environment,
        workload.component,
        bounded(sample.service) or service_of(sample.labels),
        bounded(sample.pod),
        sample.cpu_milliseconds,
        sample.memory_bytes_max,
        sample.memory_bytes_mean,
    )
