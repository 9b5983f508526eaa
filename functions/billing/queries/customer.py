"""Show your customer account: plan, balance, payment account."""

from datetime import datetime
from uuid import UUID

from functions.billing.domain.customers import AccountStatus
from functions.billing.domain.ledger import Account
from functions.billing.domain.payment_policy import PaymentPolicy
from functions.billing.domain.rejections import CustomerNotFound, TeamNotFound
from functions.billing.domain.team import OfTeam
from functions.billing.domain.views import Amount, BillingDetailsView
from functions.billing.ports import Ledger, Plans, Subscribers
from functions.billing.services.access_control import AccessControl
from functions.kernel import Model, Permission, Permit, query


class ShowCustomer(OfTeam):
    pass


class CustomerPlanView(Model):
    code: str
    version: int
    name: str
    since: datetime


class CustomerView(Model):
    customer_id: UUID
    user_id: UUID
    email: str
    plan: CustomerPlanView
    created_at: datetime
    owes: list[Amount]
    """One per currency, from the ledger. A negative amount is a balance in the customer's favour."""
    payment_account: str
    """State of the account at the payment provider: `opened`, `pending`, `refused` (paid plans are then not available) or `off` (payments are
    off in this installation)."""
    billing_details: BillingDetailsView | None
    """On invoices to come; null: they show the e-mail address only."""


@query(http="GET /v1/billing/customer", permission=Permission.BILLING_READ, rejects=[TeamNotFound, CustomerNotFound])
async def customer(
    request: ShowCustomer, control: AccessControl, permit: Permit, subscribers: Subscribers, plans: Plans, ledger: Ledger, policy: PaymentPolicy
) -> CustomerView:
    subscriber = await subscribers.get(await control.to_team(permit, request.team_id))
    customer, subscription = subscriber.customer, subscriber.subscription
    plan = await plans.get(subscription.plan_code, subscription.plan_version)
    balance = (await ledger.balances([customer.id]))[customer.id]
    owes = [Amount(amount=amount, currency=currency) for (account, currency), amount in sorted(balance.items()) if account == Account.RECEIVABLE]
    return CustomerView(
        customer_id=customer.id,
        user_id=customer.user_id,
        email=customer.email,
        plan=CustomerPlanView(code=plan.code, version=plan.version, name=plan.name, since=subscription.started_at),
        created_at=customer.created_at,
        owes=owes,
        payment_account=customer.account if policy.is_on else AccountStatus.OFF.value,
        billing_details=BillingDetailsView.of(customer.billing_details) if customer.billing_details else None,
    )
