-- Invoices: draft → open → paid or void. A number is given when an invoice is issued, in the transaction that issues it: no gap, no double. From
-- then on only its state changes.

CREATE TABLE invoices (
    id                uuid        PRIMARY KEY,
    customer_id       uuid        NOT NULL REFERENCES customers (id),
    subscription_id   uuid        NOT NULL REFERENCES subscriptions (id),
    purpose           text        NOT NULL CHECK (purpose IN ('upgrade', 'renewal')),
    plan_code         text        NOT NULL,             -- the plan that its payment buys or continues
    plan_version      integer     NOT NULL,
    status            text        NOT NULL CHECK (status IN ('draft', 'open', 'paid', 'void')),
    number            text        UNIQUE,
    currency          text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    total             bigint      NOT NULL CHECK (total >= 0),
    period_begin      timestamptz NOT NULL,             -- the period it is paid ahead for
    period_end        timestamptz NOT NULL,
    created_at        timestamptz NOT NULL,
    issued_at         timestamptz,
    settled_at        timestamptz,                      -- paid or void since
    version           integer     NOT NULL DEFAULT 1,
    CHECK (period_begin < period_end),
    CHECK ((number IS NULL) = (issued_at IS NULL)),
    CHECK ((status IN ('paid', 'void')) = (settled_at IS NOT NULL)),
    CHECK (status NOT IN ('open', 'paid') OR number IS NOT NULL),
    CHECK (status <> 'draft' OR number IS NULL),
    FOREIGN KEY (plan_code, plan_version) REFERENCES plans (code, version)
);
CREATE INDEX invoices_of_customer ON invoices (customer_id, id);
CREATE UNIQUE INDEX invoices_one_upgrade_under_way ON invoices (subscription_id) WHERE purpose = 'upgrade' AND status = 'draft';
CREATE UNIQUE INDEX invoices_one_renewal_a_period ON invoices (subscription_id, period_begin) WHERE purpose = 'renewal';

CREATE TABLE invoice_lines (
    invoice_id    uuid        NOT NULL REFERENCES invoices (id),
    position      integer     NOT NULL CHECK (position > 0),
    kind          text        NOT NULL CHECK (kind IN ('fee', 'proration', 'usage', 'late-usage')),
    description   text        NOT NULL,
    quantity      bigint      NOT NULL,
    amount        bigint      NOT NULL,                 -- minor units of the invoice's currency; a credit is negative
    period_begin  timestamptz NOT NULL,
    period_end    timestamptz NOT NULL,
    PRIMARY KEY (invoice_id, position)
);

CREATE TABLE invoice_numbers (
    series  text    PRIMARY KEY,
    last    bigint  NOT NULL CHECK (last > 0)
);

CREATE FUNCTION keep_what_was_issued() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'invoices are never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.id, NEW.customer_id, NEW.subscription_id, NEW.purpose, NEW.plan_code, NEW.plan_version, NEW.currency, NEW.total, NEW.period_begin,
        NEW.period_end, NEW.created_at)
        IS DISTINCT FROM (OLD.id, OLD.customer_id, OLD.subscription_id, OLD.purpose, OLD.plan_code, OLD.plan_version, OLD.currency, OLD.total,
        OLD.period_begin, OLD.period_end, OLD.created_at)
        OR (OLD.number IS NOT NULL AND (NEW.number, NEW.issued_at) IS DISTINCT FROM (OLD.number, OLD.issued_at))
        OR OLD.status IN ('paid', 'void')
    THEN
        RAISE EXCEPTION 'invoice % is as it was written' , OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoices_stay BEFORE UPDATE OR DELETE ON invoices FOR EACH ROW EXECUTE FUNCTION keep_what_was_issued();
CREATE TRIGGER invoice_lines_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON invoice_lines EXECUTE FUNCTION refuse_change();

CREATE FUNCTION check_invoice_adds_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    whose uuid;
BEGIN
    IF TG_TABLE_NAME = 'invoices' THEN whose := NEW.id; ELSE whose := NEW.invoice_id; END IF;
    IF (SELECT total FROM invoices WHERE id = whose) <> (SELECT coalesce(sum(amount), 0) FROM invoice_lines WHERE invoice_id = whose) THEN
        RAISE EXCEPTION 'the lines of invoice % do not add up to its total', whose USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER invoices_add_up AFTER INSERT ON invoices DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_invoice_adds_up();
CREATE CONSTRAINT TRIGGER invoice_lines_add_up AFTER INSERT ON invoice_lines DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_invoice_adds_up();

-- A payment is the intent to charge, written before the provider hears of it, with all that is sent to it. Another try is another payment.
CREATE TABLE payments (
    id               uuid        PRIMARY KEY,
    customer_id      uuid        NOT NULL REFERENCES customers (id),
    invoice_id       uuid        NOT NULL REFERENCES invoices (id),
    attempt          integer     NOT NULL CHECK (attempt > 0),
    amount           bigint      NOT NULL CHECK (amount > 0),
    currency         text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    payment_method   text        NOT NULL,
    status           text        NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
    provider_id      text        UNIQUE,
    failure_code     text,
    failure_message  text,
    retry_at         timestamptz,                       -- when the next try is due, if there is to be one
    created_at       timestamptz NOT NULL,
    settled_at       timestamptz,
    version          integer     NOT NULL DEFAULT 1,
    UNIQUE (invoice_id, attempt),
    CHECK ((status = 'pending') = (settled_at IS NULL)),
    CHECK ((status = 'failed') = (failure_code IS NOT NULL)),
    CHECK (retry_at IS NULL OR status = 'failed')
);
CREATE UNIQUE INDEX payments_one_under_way ON payments (invoice_id) WHERE status = 'pending';
CREATE INDEX payments_pending ON payments (created_at) WHERE status = 'pending';
CREATE INDEX payments_to_retry ON payments (retry_at) WHERE retry_at IS NOT NULL;

-- What the provider has told us, each notice once.
CREATE TABLE provider_notices (
    id           text        PRIMARY KEY,
    type         text        NOT NULL,
    received_at  timestamptz NOT NULL
);
CREATE INDEX provider_notices_received_at ON provider_notices (received_at);
