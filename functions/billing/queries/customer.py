"""Who pays, which plan they are on, and what they owe."""

from datetime import datetime
from uuid import UUID

from functions.billing.domain.answers import Amount
from functions.billing.domain.ledger import Account
from functions.billing.domain.rejections import CustomerNotFound
from functions.billing.ports import Customers, Ledger, Plans, Subscriptions
from functions.kernel import Caller, Model, query


class ShowCustomer(Model):
    pass


class CustomerPlan(Model):
    code: str
    version: int
    name: str
    since: datetime


class CustomerView(Model):
    customer_id: UUID
    user_id: UUID
    email: str
    plan: CustomerPlan | None
    created_at: datetime
    owes: list[Amount]
    """By currency, from the books; below zero is a balance in the customer's favour."""
    payment_account: str
    """At the payment provider: `opened`, `pending`, or `refused`; then paid plans are closed to the customer."""


@query(http="GET /v1/billing/customer", rejects=[CustomerNotFound])
async def customer(
    asked: ShowCustomer, caller: Caller, customers: Customers, subscriptions: Subscriptions, plans: Plans, ledger: Ledger
) -> CustomerView:
    found = await customers.of_user(caller.user_id)
    if found is None:
        raise CustomerNotFound

    subscription = await subscriptions.running(found.id)
    plan = None
    if subscription is not None:
        agreed = await plans.get(subscription.plan_code, subscription.plan_version)
        plan = CustomerPlan(code=agreed.code, version=agreed.version, name=agreed.name, since=subscription.started_at)
    balance = await ledger.balance(found.id)
    owes = [Amount(amount=amount, currency=currency) for (account, currency), amount in sorted(balance.items()) if account == Account.RECEIVABLE]
    return CustomerView(
        customer_id=found.id,
        user_id=found.user_id,
        email=found.email,
        plan=plan,
        created_at=found.created_at,
        owes=owes,
        payment_account=found.account,
    )
