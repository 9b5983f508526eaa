-- Backups of data services. What is in one is in the backup store, below services/<service_id>/<id>.
CREATE TABLE data_service_backups (
    id                 uuid        PRIMARY KEY,
    service_id         uuid        NOT NULL REFERENCES data_services,
    application_id     uuid        NOT NULL,
    trigger            text        NOT NULL CHECK (trigger IN ('manual', 'schedule', 'safety')),
    requested_at       timestamptz NOT NULL,
    state              text        NOT NULL CHECK (state IN ('running', 'complete', 'failed', 'deleting')),
    finished_at        timestamptz,
    size_bytes         bigint      NOT NULL CHECK (size_bytes >= 0),
    stored_bytes       bigint      NOT NULL CHECK (stored_bytes >= 0),
    error              text,
    verified_at        timestamptz,
    verification_error text,
    CHECK (state NOT IN ('complete', 'failed') OR finished_at IS NOT NULL),
    CHECK (state <> 'failed' OR error IS NOT NULL)
);
CREATE INDEX data_service_backups_service_id ON data_service_backups (service_id, requested_at);
-- The database decides that one backup of a service runs at a time.
CREATE UNIQUE INDEX data_service_backups_running ON data_service_backups (service_id) WHERE state = 'running';
CREATE INDEX data_service_backups_deleting ON data_service_backups (requested_at) WHERE state = 'deleting';

CREATE TABLE data_service_backup_policies (
    service_id     uuid        PRIMARY KEY REFERENCES data_services,
    application_id uuid        NOT NULL,
    schedule       text,
    keep_count     integer     NOT NULL CHECK (keep_count > 0),
    keep_days      integer     NOT NULL CHECK (keep_days > 0),
    next_at        timestamptz,
    CHECK ((schedule IS NULL) = (next_at IS NULL))
);
CREATE INDEX data_service_backup_policies_next_at ON data_service_backup_policies (next_at) WHERE next_at IS NOT NULL;
