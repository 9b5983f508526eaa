"""What stands behind monitor's ports."""

from functions.monitor.adapters.postgres import PostgresApplications, PostgresUnownedUsage
from functions.monitor.adapters.series import PostgresExecutions, PostgresLogs, PostgresRequests, PostgresRetention
from functions.monitor.ports import Applications, Executions, Housekeeping, Logs, Requests, Retention, UnownedUsage, Vitals
from functions.runtime.housekeeping import Housekeeping as Sweeper
from functions.runtime.vitals import Vitals as ProcessVitals
from functions.runtime.wiring import Wiring


def housekeeping(sweeper: Sweeper) -> Housekeeping:
    return sweeper


def vitals(process: ProcessVitals) -> Vitals:
    return process


wiring = Wiring(
    database="monitor",
    ports={
        Applications: PostgresApplications,
        UnownedUsage: PostgresUnownedUsage,
        Logs: PostgresLogs,
        Requests: PostgresRequests,
        Executions: PostgresExecutions,
        Retention: PostgresRetention,
        Housekeeping: housekeeping,
        Vitals: vitals,
    },
)
