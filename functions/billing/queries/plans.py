"""List the plans with their prices and limits."""

from functions.billing.domain.plans import Meter, Plan
from functions.billing.domain.views import Amount, EntitlementsView
from functions.billing.ports import Plans
from functions.kernel import ANYONE, Clock, Model, Page, query


class ListPlans(Model):
    pass


class TierView(Model):
    """`amount` per `per` units, up to unit `up_to` above the included quantity."""

    up_to: int | None
    amount: Amount
    per: int


class PriceView(Model):
    meter: Meter
    included: int
    tiers: list[TierView]


class PlanView(Model):
    """`fee` is paid in advance for each billing period. Usage is charged after the period."""

    code: str
    version: int
    name: str
    fee: Amount
    allowed: EntitlementsView
    prices: list[PriceView]


@query(http="GET /v1/billing/plans", allow=ANYONE)
async def plans(request: ListPlans, plans: Plans, clock: Clock) -> Page[PlanView]:
    return Page(items=[_view(plan) for plan in await plans.list_offered(clock.now())])


def _view(plan: Plan) -> PlanView:
    return PlanView(
        code=plan.code,
        version=plan.version,
        name=plan.name,
        fee=Amount.of(plan.fee),
        allowed=EntitlementsView.of(plan.entitlements),
        prices=[
            PriceView(
                meter=meter,
                included=price.included,
                tiers=[TierView(up_to=tier.up_to, amount=Amount.of(tier.amount), per=tier.per) for tier in price.tiers],
            )
            for meter, price in plan.prices.items()
        ],
    )
