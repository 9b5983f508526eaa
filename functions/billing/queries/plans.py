"""The plans on offer: what they cost, include and allow."""

from functions.billing.domain.answers import AllowedView, Amount
from functions.billing.domain.plans import Meter, Plan
from functions.billing.ports import Plans
from functions.kernel import ANYONE, Clock, Model, query


class ListPlans(Model):
    pass


class TierView(Model):
    """`amount` for every `per` units, up to unit `up_to` beyond the included ones."""

    up_to: int | None
    amount: Amount
    per: int


class PriceView(Model):
    meter: Meter
    included: int
    tiers: list[TierView]


class PlanView(Model):
    """`fee` is for each billing period, ahead; use is charged when the period has ended."""

    code: str
    version: int
    name: str
    fee: Amount
    allowed: AllowedView
    prices: list[PriceView]


class PlansOnOffer(Model):
    plans: list[PlanView]


@query(http="GET /v1/billing/plans", allow=ANYONE)
async def plans(asked: ListPlans, offers: Plans, clock: Clock) -> PlansOnOffer:
    return PlansOnOffer(plans=[_shown(plan) for plan in await offers.on_offer(clock.now())])


def _shown(plan: Plan) -> PlanView:
    return PlanView(
        code=plan.code,
        version=plan.version,
        name=plan.name,
        fee=Amount.of(plan.fee),
        allowed=AllowedView.of(plan.entitlements),
        prices=[
            PriceView(
                meter=meter,
                included=price.included,
                tiers=[TierView(up_to=tier.up_to, amount=Amount.of(tier.amount), per=tier.per) for tier in price.tiers],
            )
            for meter, price in plan.prices.items()
        ],
    )
