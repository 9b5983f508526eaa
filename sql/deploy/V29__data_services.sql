-- Databases of applications, and servers elsewhere that they use. Rows outlive their application: its data are deleted after a grace period.
CREATE TABLE data_services (
    id                    uuid         PRIMARY KEY,
    application_id        uuid         NOT NULL,
    name                  text         NOT NULL CHECK (name ~ '^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$'),
    kind                  text         NOT NULL CHECK (kind IN ('postgres', 'external')),
    plan                  text         NOT NULL,
    requested_at          timestamptz  NOT NULL,
    state                 text         NOT NULL CHECK (state IN ('creating', 'ready', 'failed', 'deleted', 'purging', 'purged')),
    generation            integer      NOT NULL CHECK (generation > 0),
    sealed_password       text         CHECK (sealed_password LIKE 'sealed:%'),   -- of the next generation, until it is created
    sealed_url            text         CHECK (sealed_url LIKE 'sealed:%'),
    error                 text,
    ready_at              timestamptz,
    rotation_requested_at timestamptz,
    rotated_at            timestamptz,
    former_generation     integer      CHECK (former_generation < generation),
    deleted_at            timestamptz,
    purge_at              timestamptz,
    storage_exceeded_at   timestamptz,
    CHECK (state <> 'ready' OR sealed_url IS NOT NULL),
    CHECK (state NOT IN ('creating', 'failed') OR sealed_password IS NOT NULL),
    CHECK (state <> 'purged' OR (sealed_url IS NULL AND sealed_password IS NULL)),
    CHECK ((deleted_at IS NULL) = (purge_at IS NULL) AND (state NOT IN ('deleted', 'purging', 'purged') OR deleted_at IS NOT NULL))
);
CREATE UNIQUE INDEX data_services_name ON data_services (application_id, name) WHERE state <> 'purged';

-- What binds a service to an environment is the entry of its configuration with the service's URL.
ALTER TABLE config_entries
    ADD COLUMN service_id uuid,
    ADD COLUMN service_kind text,
    ADD CONSTRAINT config_entries_of_services CHECK ((service_id IS NULL) = (service_kind IS NULL) AND (service_id IS NULL OR sealed IS NOT NULL));
CREATE INDEX config_entries_service_id ON config_entries (service_id) WHERE service_id IS NOT NULL;

ALTER TABLE operations DROP CONSTRAINT operations_kind_check;
ALTER TABLE operations ADD CONSTRAINT operations_kind_check
    CHECK (kind IN ('application-deletion', 'environment-deletion', 'stop', 'maintenance', 'service-creation', 'service-rotation'));
