"""Counted requests of applications are kept as figures and told to billing as use, as soon as it is known who pays."""

from events.cluster import RequestsMeasured
from events.monitor import UsageMeasured
from functions.kernel import Clock, Done, Order, Scale, on
from functions.monitor.domain.intake import bounded, plausible
from functions.monitor.domain.labels import workload_of
from functions.monitor.domain.requests import Window, measured
from functions.monitor.ports import Applications, Requests, UnownedUsage


@on(emits=[UsageMeasured], order=Order.ANY, scale=Scale(max=3))
async def on_requests_measured(
    event: RequestsMeasured, requests: Requests, applications: Applications, unowned: UnownedUsage, clock: Clock
) -> Done[None]:
    windows = _windows_of_applications(event, clock)
    await requests.add(windows)

    uses = measured(windows)
    concerned = {use.application_id for use in uses}
    owners = await applications.owners(concerned)
    if concerned - owners.keys():
        await applications.hold_still(concerned - owners.keys())
        owners = await applications.owners(concerned)  # it may have become known while this waited
    await unowned.hold([use for use in uses if use.application_id not in owners])
    return Done(
        None,
        *(
            UsageMeasured(
                usage_id=use.id,
                application_id=use.application_id,
                user_id=owners[use.application_id],
                environment=use.environment,
                window_from=use.begin,
                window_to=use.end,
                requests=use.requests,
            )
            for use in uses
            if use.application_id in owners
        ),
    )


def _windows_of_applications(event: RequestsMeasured, clock: Clock) -> list[Window]:
    now = clock.now()
    windows = []
    for window in event.windows:
        if (workload := workload_of(window.labels)) is not None and window.count > 0:
            begin = plausible(window.from_, now)
            end = max(begin, plausible(window.to, now))
            windows.append(
                Window(
                    begin,
                    end,
                    workload.application_id,
                    workload.environment,
                    bounded(window.revision),
                    window.status,
                    window.count,
                    window.duration_ms_sum,
                )
            )
    return windows
