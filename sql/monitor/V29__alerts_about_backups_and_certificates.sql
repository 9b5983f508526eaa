-- A backup that failed or did not come, and a certificate that is not renewed, are alerts.
ALTER TABLE alert_rules DROP CONSTRAINT alert_rules_kind, DROP CONSTRAINT alert_rules_threshold;
ALTER TABLE alert_rules
    ADD CONSTRAINT alert_rules_kind CHECK (kind IN (
        'deployment-failed', 'deployment-rolled-back', 'scheduled-run-failed', 'backup-failed', 'certificate-failed', 'error-rate', 'latency',
        'dead-letters', 'dead-letter-age', 'events-given-up')),
    ADD CONSTRAINT alert_rules_threshold CHECK ((threshold IS NULL) = (kind IN (
        'deployment-failed', 'deployment-rolled-back', 'scheduled-run-failed', 'backup-failed', 'certificate-failed')));

-- What was deleted: a failure that is reported afterwards begins no alert.
CREATE TABLE ended_incidents (
    incident text        PRIMARY KEY,
    at       timestamptz NOT NULL
);
CREATE INDEX ended_incidents_by_age ON ended_incidents (at);
