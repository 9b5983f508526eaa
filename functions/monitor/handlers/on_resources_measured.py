"""CPU, memory and disk are kept as figures; the CPU of applications is told to billing as use, as soon as it is known who pays."""

from events import cluster
from events.cluster import ResourcesMeasured, ResourceWindow
from events.monitor import UsageMeasured
from functions.kernel import Clock, Done, Order, Scale, on
from functions.monitor.domain import resources as measured
from functions.monitor.domain.disk import DiskUsage
from functions.monitor.domain.intake import bounded, plausible
from functions.monitor.domain.labels import PLATFORM_ID, Workload, is_platform, service_of, workload_of
from functions.monitor.domain.usage import computed
from functions.monitor.ports import Applications, DiskUsages, Resources, UnownedUsage


@on(emits=[UsageMeasured], order=Order.ANY, scale=Scale(max=2, pool=2))
async def on_resources_measured(
    event: ResourcesMeasured, resources: Resources, disks: DiskUsages, applications: Applications, unowned: UnownedUsage, clock: Clock
) -> Done[None]:
    await disks.keep([usage for measured in event.disks if (usage := _disk_usage(measured, clock)) is not None])
    windows = [window for told in event.windows if (window := _window(told, clock)) is not None]
    await resources.add(windows)

    uses = computed(window for window in windows if window.application_id != PLATFORM_ID)
    owners = await applications.lock_owners({use.application_id for use in uses})
    await unowned.hold([use for use in uses if use.application_id not in owners])
    return Done(None, *(use.told(owners[use.application_id]) for use in uses if use.application_id in owners))


def _disk_usage(measured: cluster.DiskUsage, clock: Clock) -> DiskUsage | None:
    """None if it is no application's."""
    workload = workload_of(measured.labels)
    if workload is None:
        return None
    instances = None if measured.instance_bytes is None else {bounded(name): size for name, size in measured.instance_bytes.items()}
    at = plausible(measured.at, clock.now())
    return DiskUsage(workload.application_id, at, measured.images, measured.image_bytes, measured.cache_bytes, instances)


def _window(told: ResourceWindow, clock: Clock) -> measured.ResourceWindow | None:
    """None if it is neither an application's nor the platform's."""
    now = clock.now()
    workload = workload_of(told.labels)
    if workload is None and is_platform(told.namespace, told.labels):
        workload = Workload(PLATFORM_ID, "", None, "run")
    if workload is None:
        return None
    begin = plausible(told.from_, now)
    return measured.ResourceWindow(
        begin,
        max(begin, plausible(told.to, now)),
        workload.application_id,
        workload.environment,
        workload.component,
        bounded(told.service) or service_of(told.labels),
        bounded(told.pod),
        told.cpu_milliseconds,
        told.memory_bytes_max,
        told.memory_bytes_mean,
    )
