-- Restores of backups into data services.
CREATE TABLE data_service_restores (
    id               uuid        PRIMARY KEY,
    backup_id        uuid        NOT NULL,
    source_id        uuid        NOT NULL REFERENCES data_services,
    service_id       uuid        NOT NULL REFERENCES data_services,
    application_id   uuid        NOT NULL,
    safety_backup_id uuid,
    requested_at     timestamptz NOT NULL,
    state            text        NOT NULL CHECK (state IN ('waiting', 'running', 'complete', 'failed')),
    finished_at      timestamptz,
    error            text,
    CHECK (state <> 'waiting' OR safety_backup_id IS NOT NULL),
    CHECK ((finished_at IS NULL) = (state IN ('waiting', 'running')))
);
CREATE UNIQUE INDEX data_service_restores_unfinished ON data_service_restores (service_id) WHERE finished_at IS NULL;
CREATE INDEX data_service_restores_source_id ON data_service_restores (source_id) WHERE finished_at IS NULL;
