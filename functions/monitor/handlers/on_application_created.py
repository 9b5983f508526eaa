"""From now on it is known whose an application is; use that was measured before is told to billing."""

from events.deploy import ApplicationCreated
from events.monitor import UsageMeasured
from functions.kernel import Done, on
from functions.monitor.domain.applications import Application
from functions.monitor.ports import Applications, UnownedUsage


@on(emits=[UsageMeasured])
async def on_application_created(event: ApplicationCreated, applications: Applications, unowned: UnownedUsage) -> Done[None]:
    await applications.hold_still([event.application_id])
    await applications.keep(Application(event.application_id, event.user_id, event.name))

    held = await unowned.release(event.application_id)
    return Done(
        None,
        *(
            UsageMeasured(
                usage_id=use.id,
                application_id=use.application_id,
                user_id=event.user_id,
                environment=use.environment,
                window_from=use.begin,
                window_to=use.end,
                requests=use.requests,
            )
            for use in held
        ),
    )
