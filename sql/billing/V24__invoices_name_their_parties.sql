-- What an invoice states about seller, buyer and VAT is that of its day: later changes of settings or of the customer's details do not change it.
-- Invoices before this version have none: they are printed with the seller's present settings and the buyer's e-mail address.
ALTER TABLE customers ADD COLUMN billing_details jsonb;
ALTER TABLE invoices ADD COLUMN parties jsonb;

CREATE OR REPLACE FUNCTION protect_issued_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'invoices cannot be deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.id, NEW.customer_id, NEW.subscription_id, NEW.purpose, NEW.plan_code, NEW.plan_version, NEW.currency, NEW.total_minor,
        NEW.period_begin, NEW.period_end, NEW.created_at)
        IS DISTINCT FROM (OLD.id, OLD.customer_id, OLD.subscription_id, OLD.purpose, OLD.plan_code, OLD.plan_version, OLD.currency,
        OLD.total_minor, OLD.period_begin, OLD.period_end, OLD.created_at)
        OR (OLD.number IS NOT NULL
            AND (NEW.number, NEW.issued_at, NEW.buyer_email, NEW.parties) IS DISTINCT FROM (OLD.number, OLD.issued_at, OLD.buyer_email, OLD.parties))
        OR OLD.status IN ('paid', 'void')
    THEN
        RAISE EXCEPTION 'invoice % cannot be changed: only the status of a draft or open invoice can', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
