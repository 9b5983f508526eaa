-- While an environment is in maintenance, its visitors get a page instead of the application.
ALTER TABLE environments
    ADD COLUMN maintenance_started_at timestamptz,
    ADD COLUMN maintenance_message text CHECK (length(maintenance_message) BETWEEN 1 AND 500),
    ADD COLUMN maintenance_retry_after_seconds integer CHECK (maintenance_retry_after_seconds BETWEEN 1 AND 604800),
    ADD CONSTRAINT environments_maintenance_is_whole CHECK (
        (maintenance_started_at IS NULL) = (maintenance_retry_after_seconds IS NULL) AND (maintenance_message IS NULL OR maintenance_started_at IS NOT NULL)
    );
ALTER TABLE operations DROP CONSTRAINT operations_kind_check;
ALTER TABLE operations ADD CONSTRAINT operations_kind_check
    CHECK (kind IN ('application-deletion', 'environment-deletion', 'stop', 'maintenance'));
