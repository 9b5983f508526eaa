"""What the health query reports about backups: of the installation, and of data services by schedule.

It is public, so it has no names and no reasons.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import LiteralString

import psycopg

MAX_AGE = timedelta(hours=48)
"""As `./taskw doctor`."""
LAST: LiteralString = "SELECT began_at, has_failed, last_good_at FROM installation_backups"
FAILING: LiteralString = """
    SELECT count(*) FROM (
        SELECT DISTINCT ON (service_id) backup.state, backup.verification_error
        FROM data_service_backups AS backup JOIN data_services ON data_services.id = service_id
        WHERE trigger = 'schedule' AND backup.state IN ('complete', 'failed') AND data_services.state = 'ready'
        ORDER BY service_id, backup.requested_at DESC
    ) AS newest
    WHERE state = 'failed' OR verification_error IS NOT NULL
"""


async def backup_notices(connection: psycopg.AsyncConnection, now: datetime) -> Sequence[str]:
    """In sentences, within the transaction of the query. None about an installation that `./taskw backup` has never stored."""
    notices: list[str] = []
    if (last := await (await connection.execute(LAST)).fetchone()) is not None:
        began_at, has_failed, last_good_at = last
        notices += _of_installation(began_at, has_failed, last_good_at, now)
    if (failing := await (await connection.execute(FAILING)).fetchone()) is not None:
        notices += _of_services(failing[0])
    return notices


def _of_installation(began_at: datetime, has_failed: bool, last_good_at: datetime | None, now: datetime) -> Sequence[str]:
    last_good = f"The last good one is of {last_good_at:%Y-%m-%d %H:%M} UTC" if last_good_at else "There is no good one"
    if has_failed:
        return (f"The backup of the installation of {began_at:%Y-%m-%d %H:%M} UTC failed. {last_good}: ./taskw doctor says why.",)
    if last_good_at is None or now - last_good_at > MAX_AGE:
        return (f"The backup of the installation is overdue. {last_good}: ./taskw backup makes one.",)
    return ()


def _of_services(failing: int) -> Sequence[str]:
    if not failing:
        return ()
    subject = "The last scheduled backup of 1 data service" if failing == 1 else f"The last scheduled backups of {failing} data services"
    return (f"{subject} failed or could not be verified: their owners have an alert.",)
