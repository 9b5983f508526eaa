-- One word for each concept: sent_emails, failed_step, and the saga terms compensating and compensated.

ALTER TABLE sent_mails RENAME TO sent_emails;
ALTER INDEX sent_mails_pkey RENAME TO sent_emails_pkey;
ALTER INDEX sent_mails_of_user RENAME TO sent_emails_user_id_kind_sent_at;
ALTER INDEX sent_mails_age RENAME TO sent_emails_sent_at;
ALTER TABLE sent_emails RENAME CONSTRAINT sent_mails_kind_check TO sent_emails_kind_check;
ALTER TABLE sent_emails RENAME CONSTRAINT sent_mails_user_id_fkey TO sent_emails_user_id_fkey;

ALTER TABLE registrations
    DROP CONSTRAINT registrations_status_check,
    DROP CONSTRAINT registrations_check,            -- finished_at and status agree
    DROP CONSTRAINT registrations_check2;           -- given_up, reason and status agree
ALTER TABLE registrations RENAME COLUMN given_up TO failed_step;
ALTER TABLE registrations RENAME CONSTRAINT registrations_given_up_check TO registrations_failed_step_check;
UPDATE registrations SET status = CASE status WHEN 'limiting' THEN 'compensating' ELSE 'compensated' END WHERE status IN ('limiting', 'limited');
UPDATE saga_steps SET step = 'compensating' WHERE step = 'limiting' AND saga_id IN (SELECT id FROM registrations);
ALTER TABLE registrations
    ADD CONSTRAINT registrations_status_check CHECK (
        status IN ('customer', 'quota', 'payment-account', 'compensating', 'completed', 'compensated', 'failed')),
    ADD CONSTRAINT registrations_failed_step_has_reason CHECK (
        (failed_step IS NULL) = (reason IS NULL)
        AND (failed_step IS NOT NULL) = (status IN ('compensating', 'compensated', 'failed'))),
    ADD CONSTRAINT registrations_finished_at_check CHECK ((status IN ('completed', 'compensated', 'failed')) = (finished_at IS NOT NULL));
ALTER TABLE registrations RENAME CONSTRAINT registrations_check1 TO registrations_running_has_times;

COMMENT ON COLUMN registrations.failed_step IS 'The step that failed for good; reason and detail say why.';
COMMENT ON TABLE sent_emails IS 'Sent e-mails, for the limit per user and kind. intent is the idempotency key.';
