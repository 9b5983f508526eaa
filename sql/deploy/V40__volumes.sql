-- Volumes of applications and their snapshots. Rows outlive their application: its files are deleted after a grace period.
CREATE TABLE volumes (
    id             uuid         PRIMARY KEY,
    application_id uuid         NOT NULL,
    name           text         NOT NULL CHECK (name ~ '^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$'),
    size_mib       integer      NOT NULL CHECK (size_mib > 0),
    requested_at   timestamptz  NOT NULL,
    state          text         NOT NULL CHECK (state IN ('creating', 'ready', 'failed', 'deleted', 'purging', 'purged')),
    generation     integer      NOT NULL CHECK (generation > 0),
    snapshot_id    uuid,
    error          text,
    ready_at       timestamptz,
    environment    text,
    processes      text[]       NOT NULL,
    mount_path     text,
    attached_at    timestamptz,
    used_bytes     bigint       CHECK (used_bytes >= 0),
    measured_at    timestamptz,
    warned_percent integer      NOT NULL CHECK (warned_percent IN (0, 90, 100)),
    deleted_at     timestamptz,
    purge_at       timestamptz,
    CHECK ((environment IS NULL) = (mount_path IS NULL) AND (environment IS NULL) = (attached_at IS NULL)),
    CHECK ((deleted_at IS NULL) = (purge_at IS NULL) AND (state NOT IN ('deleted', 'purging', 'purged') OR deleted_at IS NOT NULL)),
    CHECK (state NOT IN ('deleted', 'purging', 'purged') OR environment IS NULL)
);
CREATE UNIQUE INDEX volumes_name ON volumes (application_id, name) WHERE state <> 'purged';
CREATE UNIQUE INDEX volumes_mount_path ON volumes (application_id, environment, mount_path);

CREATE TABLE volume_snapshots (
    id             uuid         PRIMARY KEY,
    volume_id      uuid         NOT NULL,
    application_id uuid         NOT NULL,
    claim          text         NOT NULL,
    size_mib       integer      NOT NULL CHECK (size_mib > 0),
    requested_at   timestamptz  NOT NULL,
    state          text         NOT NULL CHECK (state IN ('creating', 'ready', 'failed', 'deleting')),
    error          text,
    ready_at       timestamptz
);
CREATE INDEX volume_snapshots_volume_id ON volume_snapshots (volume_id);

-- The code has the list of kinds; the table their form, so that a new kind needs no migration.
ALTER TABLE operations DROP CONSTRAINT operations_kind_check;
ALTER TABLE operations ADD CONSTRAINT operations_kind_check CHECK (kind ~ '^[a-z]+(-[a-z]+)*$');
