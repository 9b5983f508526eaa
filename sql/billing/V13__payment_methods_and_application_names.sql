-- A payment method may be replaced without a payment.
CREATE TABLE payment_method_changes (
    id               uuid        PRIMARY KEY,
    customer_id      uuid        NOT NULL REFERENCES customers (id),
    payment_method   text        NOT NULL,
    requested_at     timestamptz NOT NULL,
    status           text        NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
    failure_message  text,
    settled_at       timestamptz,
    version          integer     NOT NULL DEFAULT 1,
    CHECK ((status = 'pending') = (settled_at IS NULL)),
    CHECK ((status = 'failed') = (failure_message IS NOT NULL))
);
CREATE INDEX payment_method_changes_of_customer ON payment_method_changes (customer_id, id);
CREATE UNIQUE INDEX payment_method_changes_one_pending ON payment_method_changes (customer_id) WHERE status = 'pending';

-- Names of applications for bills. They stay after an application is deleted.
CREATE TABLE applications (
    id          uuid        PRIMARY KEY,
    name        text        NOT NULL,
    updated_at  timestamptz NOT NULL,
    is_deleted  boolean     NOT NULL
);

-- What operators list.
CREATE INDEX invoices_issued ON invoices (id) WHERE number IS NOT NULL;
CREATE INDEX invoices_open ON invoices (id) WHERE status = 'open';

-- CPU is measured some seconds after requests: a bill says until when. Hours of before do not.
ALTER TABLE usage_hours ADD COLUMN cpu_until timestamptz;
