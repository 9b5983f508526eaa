from uuid import UUID

from functions.kernel import Event


class Deposited(Event, type="probe.deposited"):
    deposit_id: UUID
    account: str
    cents: int


class Noted(Event, type="probe.noted"):
    deposit_id: UUID
    account: str


class AccountRenamed(Event, type="probe.renamed", subject="account"):
    account: str
    name: str


class CheckLater(Event, type="probe.check-later"):
    account: str


class Counted(Event, type="probe.counted", subject="account"):
    account: str
    number: int
