"""Plans, subscriptions, measured usage, invoices, payments and the ledger.

Ownership. Plans, periods, proration, usage, invoices and their numbers, and the ledger belong to this context. The
payment provider (Stripe) stores payment methods and moves money: one payment intent per `Payment`. Stripe's own
subscriptions and invoices are not used, because they would be a second source of truth about periods and amounts.

Customers. Every user becomes a customer on the free plan when billing receives `user.created`. The account at the
provider is opened when the registration or the first payment requests it, whichever comes first. Each attempt publishes
`payment-account.changed`; the registration saga repeats the request or gives up. After that, paid plans are closed to
the customer before any money is requested.

Payments. A command stores an invoice and a `Payment` with everything the charge needs, and publishes
`payment.requested`. One effect (`on_payment_requested`) charges it or reads its state at the provider, and records the
outcome in one transaction under the lock of the customer's subscription: invoice number, ledger entries, the purchased
plan and the events. Commands, Stripe's webhooks, the retry timer and housekeeping only publish `payment.requested`, so
duplicates and reordering are harmless and a lost webhook delays the outcome by ten minutes at most.

What is paid when. A plan's fee is paid in advance for each period. Usage is charged one hour after its period ends, on
the same invoice as the next fee. Usage that arrives later is on the invoice after that: a period stays open until no
record can arrive for it and all of it is on an invoice (`RatedPeriod`). An upgrade is paid immediately, for the rest
of the period.

Limits of use. A plan that charges nothing beyond what it includes sells no more than that. Each record of usage is added
under the lock of the subscription and compared with what is included. `usage-threshold.reached` is published once for each
meter, period and threshold, `usage-allowance.changed` when the exhausted meters change. Deploy decides what stops. The next
period is noticed by the next record or by housekeeping, another plan by `subscription.changed`.

What is owed after a suspension. A plan is suspended when the last retry of an invoice fails. If it ends then, by a
cancellation or with its period, the open invoice becomes void, and a final one has the time that was served and the
usage. It is not charged automatically. If the customer pays in time, the time without service is credited to the next
invoice.

Refunds and disputes. A refund is a credit note with a number, a PDF and an e-mail. Stripe's webhooks about refunds and
disputes publish `payment.review-requested`: the effect reads all refunds and disputes of the payment and books what is
new, also those that Capsule did not request. Operators are told about disputes and failed refunds.

Deleted users. `user.deleted` marks the customer. An hour later the plan ends, what is owed is on a final invoice and is
charged. When nothing is open, the account at the provider is closed and the customer is erased. Housekeeping repeats each
step. Invoices, payments and the ledger stay: an invoice has its own copy of the buyer's address.

Not owned here: user accounts (auth), what the quotas of a plan prevent (deploy), how usage is measured (monitor).
"""
