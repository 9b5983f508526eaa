"""E-mail the customer about the use of what the plan includes."""

from events.billing import UsageThresholdReached
from functions.billing.ports import Customers, Mailer
from functions.kernel import Order, Work, effect


@effect(order=Order.ANY)
async def on_usage_threshold_reached(event: UsageThresholdReached, customers: Customers, mailer: Mailer, work: Work) -> None:
    async with work.reading():
        customer = await customers.get(event.customer_id)

    await mailer.send_usage_threshold(event, customer)

    async with work.recording():
        pass  # claims the message, so that a redelivery sends no second e-mail
