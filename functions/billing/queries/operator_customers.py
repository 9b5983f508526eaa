"""List customers with plan and balance (admin)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.billing.domain.ledger import Account
from functions.billing.domain.subscriptions import SubscriptionStatus
from functions.billing.domain.views import Amount
from functions.billing.ports import Customers, Ledger, Subscriptions
from functions.kernel import ADMIN, Model, Page, query


class ListCustomers(Model):
    email: Annotated[str, Field(max_length=254, description="Only addresses that contain this text.")] = ""
    cursor: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class OperatorCustomerView(Model):
    """`owes`: one per currency, from the ledger. A negative amount is a balance in the customer's favour."""

    customer_id: UUID
    user_id: UUID
    email: str
    plan: str | None
    status: SubscriptionStatus | None
    owes: list[Amount]
    payment_account: str
    created_at: datetime


@query(http="GET /v1/billing/operator/customers", allow=ADMIN)
async def operator_customers(
    request: ListCustomers, customers: Customers, subscriptions: Subscriptions, ledger: Ledger
) -> Page[OperatorCustomerView]:
    rows = []
    found = await customers.list_matching(request.email, before=request.cursor, limit=request.limit + 1)
    ids = [customer.id for customer in found]
    subscription_of, balance_of = await subscriptions.current_of(ids), await ledger.balances(ids)
    for customer in found:
        subscription, balance = subscription_of.get(customer.id), balance_of[customer.id]
        view = OperatorCustomerView(
            customer_id=customer.id,
            user_id=customer.user_id,
            email=customer.email,
            plan=subscription.plan_code if subscription else None,
            status=subscription.status if subscription else None,
            owes=[
                Amount(amount=amount, currency=currency) for (account, currency), amount in sorted(balance.items()) if account == Account.RECEIVABLE
            ],
            payment_account=customer.account,
            created_at=customer.created_at,
        )
        rows.append(view)
    return Page.from_rows(rows, request.limit, lambda view: view, cursor=lambda view: view.customer_id)
