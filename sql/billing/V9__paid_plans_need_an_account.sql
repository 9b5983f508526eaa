-- A customer's account at the payment provider is opened by the registration. Why there is none, once that has given it up: paid plans are closed to
-- the customer until there is one.
ALTER TABLE customers
    ADD COLUMN account_refused text,
    ADD CONSTRAINT customers_account CHECK (account_refused IS NULL OR provider_id IS NULL);
