-- Amounts carry their unit (minor units of the row's currency), quantities say what they count, and Stripe's webhook events have Stripe's name.
-- Trigger functions refer to columns by name and are replaced.

ALTER TABLE customers RENAME COLUMN account_refused TO account_refusal_reason;
ALTER TABLE plans RENAME COLUMN fee TO fee_minor;
ALTER TABLE prices RENAME COLUMN included TO included_units;
ALTER TABLE price_tiers RENAME COLUMN amount TO amount_minor;
ALTER TABLE price_tiers RENAME COLUMN per TO per_units;
ALTER TABLE rated_periods RENAME COLUMN charged TO charged_minor;
ALTER TABLE invoices RENAME COLUMN total TO total_minor;
ALTER TABLE invoice_lines RENAME COLUMN amount TO amount_minor;
ALTER TABLE invoice_numbers RENAME COLUMN last TO last_number;
ALTER TABLE payments RENAME COLUMN amount TO amount_minor;
ALTER TABLE ledger_transactions RENAME COLUMN at TO occurred_at;
ALTER TABLE ledger_entries RENAME COLUMN amount TO amount_minor;
ALTER TABLE credit_notes RENAME COLUMN amount TO amount_minor;
ALTER TABLE credit_notes RENAME COLUMN failure TO failure_message;

ALTER TABLE provider_notices RENAME TO webhook_events;
ALTER INDEX provider_notices_pkey RENAME TO webhook_events_pkey;
ALTER INDEX provider_notices_received_at RENAME TO webhook_events_received_at;
COMMENT ON TABLE webhook_events IS 'Events received from the payment provider, so that each is handled once.';

ALTER INDEX invoices_one_upgrade_under_way RENAME TO invoices_one_pending_upgrade;
ALTER INDEX invoices_one_renewal_a_period RENAME TO invoices_one_renewal_per_period;
ALTER INDEX payments_one_under_way RENAME TO payments_one_pending;
ALTER INDEX one_running_subscription_a_customer RENAME TO subscriptions_one_current_per_customer;
ALTER TRIGGER invoices_stay ON invoices RENAME TO invoices_protect_issued;
ALTER FUNCTION keep_what_was_issued() RENAME TO protect_issued_invoice;

CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % never change: insert a new one', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE FUNCTION protect_issued_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'invoices cannot be deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.id, NEW.customer_id, NEW.subscription_id, NEW.purpose, NEW.plan_code, NEW.plan_version, NEW.currency, NEW.total_minor,
        NEW.period_begin, NEW.period_end, NEW.created_at)
        IS DISTINCT FROM (OLD.id, OLD.customer_id, OLD.subscription_id, OLD.purpose, OLD.plan_code, OLD.plan_version, OLD.currency,
        OLD.total_minor, OLD.period_begin, OLD.period_end, OLD.created_at)
        OR (OLD.number IS NOT NULL AND (NEW.number, NEW.issued_at) IS DISTINCT FROM (OLD.number, OLD.issued_at))
        OR OLD.status IN ('paid', 'void')
    THEN
        RAISE EXCEPTION 'invoice % cannot be changed: only the status of a draft or open invoice can', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION check_invoice_adds_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked_invoice_id uuid;
BEGIN
    IF TG_TABLE_NAME = 'invoices' THEN checked_invoice_id := NEW.id; ELSE checked_invoice_id := NEW.invoice_id; END IF;
    IF (SELECT total_minor FROM invoices WHERE id = checked_invoice_id)
        <> (SELECT coalesce(sum(amount_minor), 0) FROM invoice_lines WHERE invoice_id = checked_invoice_id)
    THEN
        RAISE EXCEPTION 'the lines of invoice % do not add up to its total', checked_invoice_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION check_ledger_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked_transaction_id uuid;
BEGIN
    IF TG_TABLE_NAME = 'ledger_transactions' THEN checked_transaction_id := NEW.id; ELSE checked_transaction_id := NEW.transaction_id; END IF;
    IF NOT EXISTS (SELECT FROM ledger_entries WHERE transaction_id = checked_transaction_id)
        OR EXISTS (
            SELECT FROM ledger_entries WHERE transaction_id = checked_transaction_id GROUP BY currency HAVING sum(amount_minor) <> 0)
    THEN
        RAISE EXCEPTION 'ledger transaction % does not balance', checked_transaction_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
