"""Store the preset rules of an application: an alert, or a deletion, will refer to them."""

from datetime import datetime
from uuid import UUID

from functions.monitor.domain.rules import presets
from functions.monitor.ports import Applications, Rules


async def store_presets(rules: Rules, applications: Applications, application_id: UUID, at: datetime) -> None:
    """Idempotent. `at`: when they were created, if the application's creation is not known yet."""
    application = await applications.find(application_id)
    created_at = application.created_at if application is not None else None
    await rules.add_missing_presets(presets(application_id, created_at or at))
