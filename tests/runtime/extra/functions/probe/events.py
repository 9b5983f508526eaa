from uuid import UUID

from functions.kernel import Event, Part, Payload, upcasts


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


class Destination(Part):
    place: str
    country: str


class Moved(Event, type="probe.moved", version=3):
    """The first version said `to`, the second `place`."""

    account: str
    destination: Destination


@upcasts("probe.moved", from_=1)
def a_place(payload: Payload) -> Payload:
    return {"place": payload.pop("to"), **payload}


@upcasts("probe.moved", from_=2)
def a_country_too(payload: Payload) -> Payload:
    return {"destination": {"place": payload.pop("place"), "country": "unknown"}, **payload}


class Waited(Event, type="probe.waited"):
    account: str


class NothingDone(Event, type="probe.nothing-done", subject="id"):
    id: UUID
