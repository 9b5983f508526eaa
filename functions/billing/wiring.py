"""What stands behind billing's ports."""

from functions.billing.adapters.postgres import PostgresCustomers, PostgresPlans, PostgresSubscriptions, PostgresUsage
from functions.billing.ports import Customers, Housekeeping, Plans, Subscriptions, Usage, Vitals
from functions.runtime.housekeeping import Housekeeping as Sweeper
from functions.runtime.vitals import Vitals as ProcessVitals
from functions.runtime.wiring import Wiring


def housekeeping(sweeper: Sweeper) -> Housekeeping:
    return sweeper


def vitals(process: ProcessVitals) -> Vitals:
    return process


wiring = Wiring(
    database="billing",
    ports={
        Customers: PostgresCustomers,
        Plans: PostgresPlans,
        Subscriptions: PostgresSubscriptions,
        Usage: PostgresUsage,
        Housekeeping: housekeeping,
        Vitals: vitals,
    },
)
