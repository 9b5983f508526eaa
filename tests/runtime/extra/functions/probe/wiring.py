from functions.probe.adapters.bell import FileBell
from functions.probe.adapters.postgres import PostgresAccounts
from functions.probe.ports import Accounts, Bell

from functions.runtime.wiring import Wiring

wiring = Wiring(database="probe", ports={Accounts: PostgresAccounts, Bell: FileBell})
