from functions.probe.adapters.bell import FileBell
from functions.probe.adapters.postgres import PostgresAccounts, PostgresNames
from functions.probe.ports import Accounts, Bell, Housekeeping, Names

from functions.runtime.config.wiring import Wiring
from functions.runtime.reliability import housekeeping


def tidying(own: housekeeping.Housekeeping) -> Housekeeping:
    return own


wiring = Wiring(database="probe", ports={Accounts: PostgresAccounts, Bell: FileBell, Names: PostgresNames, Housekeeping: tidying})
