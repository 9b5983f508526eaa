-- Money that leaves the provider's balance without a request of ours: disputes, refunds that fail, refunds made at the provider.

CREATE TABLE disputes (
    id            uuid        PRIMARY KEY,
    provider_id   text        NOT NULL UNIQUE,
    payment_id    uuid        NOT NULL REFERENCES payments (id),
    invoice_id    uuid        NOT NULL REFERENCES invoices (id),
    customer_id   uuid        NOT NULL REFERENCES customers (id),
    amount_minor  bigint      NOT NULL CHECK (amount_minor > 0),
    currency      text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    reason        text        NOT NULL,
    status        text        NOT NULL CHECK (status IN ('open', 'won', 'lost')),
    opened_at     timestamptz NOT NULL,
    closed_at     timestamptz,
    version       integer     NOT NULL DEFAULT 1,
    CHECK ((status = 'open') = (closed_at IS NULL))
);
CREATE INDEX disputes_of_payment ON disputes (payment_id);

ALTER TABLE ledger_transactions
    DROP CONSTRAINT ledger_transactions_kind_check,
    ADD CONSTRAINT ledger_transactions_kind_check CHECK (kind IN ('invoice-issued', 'invoice-voided', 'payment-received', 'credit-issued',
        'refund-paid', 'refund-failed', 'dispute-opened', 'dispute-won', 'dispute-lost'));
ALTER TABLE ledger_entries
    DROP CONSTRAINT ledger_entries_account_check,
    ADD CONSTRAINT ledger_entries_account_check CHECK (account IN ('receivable', 'revenue', 'provider', 'disputed'));
