"""E-mail the customer about the standing of the account.

It is restricted, paused, or good again. The e-mail about the exhausted meter announces that restriction already.
"""

from events.deploy import AccountStandingChanged
from functions.billing.ports import Customers, Mailer
from functions.kernel import Work, effect


@effect()
async def on_account_standing_changed(event: AccountStandingChanged, customers: Customers, mailer: Mailer, work: Work) -> None:
    async with work.reading():
        customer = await customers.get_by_user(event.user_id)

    if customer is not None and (event.standing, event.restriction) != ("restricted", "usage-exhausted"):
        await mailer.send_account_standing(event, customer)

    async with work.recording():
        pass  # claims the message, so that a redelivery sends no second e-mail
