from functions.probe.adapters.bell import FileBell
from functions.probe.adapters.postgres import PostgresAccounts
from functions.probe.ports import Accounts, Bell, Housekeeping

from functions.runtime import housekeeping
from functions.runtime.wiring import Wiring


def tidying(own: housekeeping.Housekeeping) -> Housekeeping:
    return own


wiring = Wiring(database="probe", ports={Accounts: PostgresAccounts, Bell: FileBell, Housekeeping: tidying})
