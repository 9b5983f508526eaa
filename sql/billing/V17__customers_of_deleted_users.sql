-- The customer of a deleted user: closed when the final invoice is settled. What the law asks to keep are the invoices, so each has its own copy of
-- the buyer's address; that of the customer is erased.
ALTER TABLE customers
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN closed_at  timestamptz,
    ADD CONSTRAINT customers_closed_after_deletion CHECK (closed_at IS NULL OR deleted_at IS NOT NULL);
CREATE INDEX customers_closing ON customers (deleted_at) WHERE deleted_at IS NOT NULL AND closed_at IS NULL;

ALTER TABLE invoices ADD COLUMN buyer_email text;
ALTER TABLE invoices DISABLE TRIGGER invoices_protect_issued;
UPDATE invoices SET buyer_email = customers.email FROM customers WHERE customers.id = invoices.customer_id AND invoices.number IS NOT NULL;
ALTER TABLE invoices ENABLE TRIGGER invoices_protect_issued;

CREATE OR REPLACE FUNCTION protect_issued_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'invoices cannot be deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.id, NEW.customer_id, NEW.subscription_id, NEW.purpose, NEW.plan_code, NEW.plan_version, NEW.currency, NEW.total_minor,
        NEW.period_begin, NEW.period_end, NEW.created_at)
        IS DISTINCT FROM (OLD.id, OLD.customer_id, OLD.subscription_id, OLD.purpose, OLD.plan_code, OLD.plan_version, OLD.currency,
        OLD.total_minor, OLD.period_begin, OLD.period_end, OLD.created_at)
        OR (OLD.number IS NOT NULL AND (NEW.number, NEW.issued_at, NEW.buyer_email) IS DISTINCT FROM (OLD.number, OLD.issued_at, OLD.buyer_email))
        OR OLD.status IN ('paid', 'void')
    THEN
        RAISE EXCEPTION 'invoice % cannot be changed: only the status of a draft or open invoice can', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
