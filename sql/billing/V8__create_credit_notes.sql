-- What is given back of a paid invoice: a numbered document of its own, and the intent to refund.

CREATE TABLE credit_notes (
    id           uuid        PRIMARY KEY,
    invoice_id   uuid        NOT NULL REFERENCES invoices (id),
    customer_id  uuid        NOT NULL REFERENCES customers (id),
    number       text        NOT NULL UNIQUE,
    amount       bigint      NOT NULL CHECK (amount > 0),
    currency     text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    reason       text        NOT NULL,
    issued_at    timestamptz NOT NULL,
    status       text        NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
    provider_id  text        UNIQUE,
    failure      text,
    settled_at   timestamptz,
    version      integer     NOT NULL DEFAULT 1,
    CHECK ((status = 'pending') = (settled_at IS NULL)),
    CHECK ((status = 'failed') = (failure IS NOT NULL))
);
CREATE INDEX credit_notes_of_invoice ON credit_notes (invoice_id);
CREATE INDEX credit_notes_pending ON credit_notes (issued_at) WHERE status = 'pending';
