"""What the running period has cost so far: measured use by application and environment, rated by the plan that was agreed on."""

from uuid import UUID

from functions.billing.domain.answers import Amount, BillPeriod
from functions.billing.domain.bill import Bill, rate
from functions.billing.domain.plans import Meter
from functions.billing.domain.rejections import CustomerNotFound
from functions.billing.ports import Customers, Plans, Subscriptions, Usage
from functions.kernel import Caller, Clock, Model, query


class CurrentBill(Model):
    pass


class BillPlan(Model):
    code: str
    version: int
    name: str
    fee: Amount


class BillCharge(Model):
    """One meter over all applications: the included quantity is included once."""

    meter: Meter
    quantity: int
    included: int
    billable: int
    amount: Amount


class BillLine(Model):
    application_id: UUID
    environment: str
    requests: int
    cpu_milliseconds: int
    amount: Amount


class BillView(Model):
    """`total` = the plan's fee + the charges; the lines add up to the charges."""

    customer_id: UUID
    period: BillPeriod
    plan: BillPlan
    lines: list[BillLine]
    charges: list[BillCharge]
    total: Amount


@query(http="GET /v1/billing/current", rejects=[CustomerNotFound])
async def current_bill(
    asked: CurrentBill, caller: Caller, customers: Customers, subscriptions: Subscriptions, plans: Plans, usage: Usage, clock: Clock
) -> BillView:
    customer = await customers.of_user(caller.user_id)
    subscription = await subscriptions.running(customer.id) if customer else None
    if customer is None or subscription is None:
        raise CustomerNotFound

    plan = await plans.get(subscription.plan_code, subscription.plan_version)
    period = subscription.period_at(clock.now())
    bill = rate(plan, period, await usage.within(caller.user_id, period))
    return _shown(customer.id, bill)


def _shown(customer_id: UUID, bill: Bill) -> BillView:
    plan = bill.plan
    return BillView(
        customer_id=customer_id,
        period=BillPeriod.of(bill.period),
        plan=BillPlan(code=plan.code, version=plan.version, name=plan.name, fee=Amount.of(plan.fee)),
        lines=[
            BillLine(
                application_id=line.use.application_id,
                environment=line.use.environment,
                requests=line.use.requests,
                cpu_milliseconds=line.use.cpu_milliseconds,
                amount=Amount.of(line.amount),
            )
            for line in bill.lines
        ],
        charges=[
            BillCharge(
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
