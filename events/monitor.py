"""What the monitor context states: measured use of applications, which billing adds up."""

from datetime import datetime
from uuid import UUID

from functions.kernel import Event


class UsageMeasured(Event, type="usage.measured"):
    """One window of one application's use. `usage_id` is unique: whoever adds it up adds it once."""

    usage_id: UUID
    application_id: UUID
    user_id: UUID
    environment: str
    window_from: datetime
    window_to: datetime
    requests: int
    cpu_milliseconds: int = 0
