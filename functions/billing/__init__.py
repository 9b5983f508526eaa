"""The billing context: plans, subscriptions, measured use, invoices, payments, and the books.

Who owns what. Plans, periods, proration, use, invoices and their numbers, and the ledger are ours; the provider (Stripe) owns customers' payment
methods and moves money: one payment intent for each `Payment`. Its own subscriptions and invoices are not used, since they would be a second
truth about periods and amounts.

Who becomes a customer. Every user, in the moment in which billing hears of one, on the free plan. The account at the provider follows when the
registration asks for it, or the first payment, whichever is first; what came of each try is told (`payment-account.changed`), since it is the
registration's saga that asks again, and gives up. Then paid plans are closed to the customer, before any money is asked for.

How money is asked for. A command writes an invoice and a `Payment`, the intent with all that will be sent, and says `payment.requested`. One
effect (`on_payment_requested`) brings every payment forward: it charges, or looks up what became of it, and books the outcome under the lock of
the customer's subscription, in one transaction with the invoice's number, the ledger's entries, the plan that was bought and the events.
Commands, the provider's notices, the retries' timer and the housekeeping all only say `payment.requested`, so doubles and disorder are harmless,
and a lost notice costs ten minutes.

What is paid when. A plan's fee ahead, for each period; use when the period has ended and an hour of grace has passed, on the same invoice as the
next fee; what is reported later stands on the invoice after that. An upgrade is paid at once, for the rest of the period.
"""
