-- Double-entry bookkeeping: every fact about money once, as entries that sum to zero, added and never changed. Debit is positive.

CREATE TABLE ledger_transactions (
    id         uuid        PRIMARY KEY,
    kind       text        NOT NULL CHECK (kind IN ('invoice-issued', 'invoice-voided', 'payment-received', 'credit-issued', 'refund-paid')),
    reference  uuid        NOT NULL,                    -- the invoice, payment or credit note
    at         timestamptz NOT NULL,
    UNIQUE (kind, reference)
);

CREATE TABLE ledger_entries (
    transaction_id  uuid    NOT NULL REFERENCES ledger_transactions (id),
    position        integer NOT NULL CHECK (position > 0),
    account         text    NOT NULL CHECK (account IN ('receivable', 'revenue', 'provider')),
    customer_id     uuid    NOT NULL REFERENCES customers (id),
    amount          bigint  NOT NULL CHECK (amount <> 0),
    currency        text    NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    PRIMARY KEY (transaction_id, position)
);
CREATE INDEX ledger_entries_of_customer ON ledger_entries (customer_id, account);

CREATE TRIGGER ledger_transactions_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transactions EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_entries_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries EXECUTE FUNCTION refuse_change();

CREATE FUNCTION check_ledger_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    which uuid;
BEGIN
    IF TG_TABLE_NAME = 'ledger_transactions' THEN which := NEW.id; ELSE which := NEW.transaction_id; END IF;
    IF NOT EXISTS (SELECT FROM ledger_entries WHERE transaction_id = which)
        OR EXISTS (SELECT FROM ledger_entries WHERE transaction_id = which GROUP BY currency HAVING sum(amount) <> 0)
    THEN
        RAISE EXCEPTION 'ledger transaction % does not balance', which USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_transactions_balance AFTER INSERT ON ledger_transactions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_ledger_balances();
CREATE CONSTRAINT TRIGGER ledger_entries_balance AFTER INSERT ON ledger_entries DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_ledger_balances();
