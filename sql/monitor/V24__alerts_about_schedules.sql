-- A run of a schedule that failed or did not come is an alert; the next one that succeeds resolves it.
ALTER TABLE alert_rules DROP CONSTRAINT alert_rules_kind, DROP CONSTRAINT alert_rules_threshold;
ALTER TABLE alert_rules
    ADD CONSTRAINT alert_rules_kind CHECK (kind IN (
        'deployment-failed', 'deployment-rolled-back', 'scheduled-run-failed', 'error-rate', 'latency', 'dead-letters', 'dead-letter-age',
        'events-given-up')),
    ADD CONSTRAINT alert_rules_threshold
        CHECK ((threshold IS NULL) = (kind IN ('deployment-failed', 'deployment-rolled-back', 'scheduled-run-failed')));
