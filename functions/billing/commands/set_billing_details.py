"""Set the name and address on invoices to come.

Invoices that are issued keep theirs: the law asks for it.
"""

from typing import Annotated

from pydantic import Field

from functions.billing.domain.billing_details import BillingDetails
from functions.billing.domain.rejections import CustomerNotFound, InvalidBillingDetails, TeamNotFound
from functions.billing.domain.team import OfTeam
from functions.billing.domain.views import BillingDetailsView
from functions.billing.ports import Customers, Subscribers
from functions.billing.services.access_control import AccessControl
from functions.kernel import Change, Done, Permission, Permit, command


class SetBillingDetails(OfTeam):
    name: Annotated[str, Field(max_length=1000, description="Person or company that pays.")]
    address: Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=50, description="Street, postal code and city.")]
    country: Annotated[str, Field(max_length=100, description="ISO 3166-1 alpha-2, such as `DE`.")]
    vat_id: Annotated[str | None, Field(max_length=100, description="VAT number of a business, with its country: `DE123456789`.")] = None


@command(
    http="PUT /v1/billing/details",
    permission=Permission.BILLING_WRITE,
    rejects=[TeamNotFound, CustomerNotFound, InvalidBillingDetails],
)
async def set_billing_details(
    request: SetBillingDetails, control: AccessControl, permit: Permit, subscribers: Subscribers, customers: Customers
) -> Done[BillingDetailsView]:
    customer = (await subscribers.get(await control.to_team(permit, request.team_id))).customer
    details = BillingDetails.parse(request.name, request.address, request.country, request.vat_id)
    former = customer.billing_details

    await customers.set_billing_details(customer.id, details)
    changed = Change({"details": former.to_json() if former else None}, {"details": details.to_json()}, is_personal=True)
    return Done(BillingDetailsView.of(details), change=changed)
