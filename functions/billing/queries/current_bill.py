"""Show the current bill: usage and charges of this period.

Usage is listed by application and environment. It is rated with the subscription's plan.
"""

from uuid import UUID

from functions.billing.domain.bill import Bill, rate
from functions.billing.domain.plans import Meter
from functions.billing.domain.rejections import CustomerNotFound
from functions.billing.domain.views import Amount, PeriodView
from functions.billing.ports import Plans, Subscribers, Usage
from functions.kernel import Caller, Clock, Model, query


class CurrentBill(Model):
    pass


class BillPlanView(Model):
    code: str
    version: int
    name: str
    fee: Amount


class BillChargeView(Model):
    """One meter over all applications. The included quantity counts once."""

    meter: Meter
    quantity: int
    included: int
    billable: int
    amount: Amount


class BillLineView(Model):
    application_id: UUID
    environment: str
    requests: int
    cpu_milliseconds: int
    amount: Amount


class BillView(Model):
    """`total` is the plan's fee plus the charges. The lines add up to the charges."""

    customer_id: UUID
    period: PeriodView
    plan: BillPlanView
    lines: list[BillLineView]
    charges: list[BillChargeView]
    total: Amount


@query(http="GET /v1/billing/current", rejects=[CustomerNotFound])
async def current_bill(request: CurrentBill, caller: Caller, subscribers: Subscribers, plans: Plans, usage: Usage, clock: Clock) -> BillView:
    subscriber = await subscribers.get(caller.user_id)
    subscription = subscriber.subscription
    plan = await plans.get(subscription.plan_code, subscription.plan_version)
    period = subscription.period_at(clock.now())
    bill = rate(plan, period, await usage.by_environment(caller.user_id, period))
    return _view(subscriber.customer.id, bill)


def _view(customer_id: UUID, bill: Bill) -> BillView:
    plan = bill.plan
    return BillView(
        customer_id=customer_id,
        period=PeriodView.of(bill.period),
        plan=BillPlanView(code=plan.code, version=plan.version, name=plan.name, fee=Amount.of(plan.fee)),
        lines=[
            BillLineView(
                application_id=line.usage.application_id,
                environment=line.usage.environment,
                requests=line.usage.requests,
                cpu_milliseconds=line.usage.cpu_milliseconds,
                amount=Amount.of(line.amount),
            )
            for line in bill.lines
        ],
        charges=[
            BillChargeView(
                meter=charge.meter,
                quantity=charge.quantity,
                included=charge.included,
                billable=charge.billable,
                amount=Amount.of(charge.amount),
            )
            for charge in bill.charges
        ],
        total=Amount.of(bill.total),
    )
