-- What each application takes of a machine's disk, as it was measured last. No row: nothing measures it (a cluster).
CREATE TABLE disk_usage (
    application_id  uuid        PRIMARY KEY,
    measured_at     timestamptz NOT NULL,
    images          bigint      NOT NULL CHECK (images >= 0),
    image_bytes     bigint      NOT NULL CHECK (image_bytes >= 0),
    cache_bytes     bigint      CHECK (cache_bytes >= 0),   -- null: not measured
    instance_bytes  jsonb                                   -- environment → bytes; null: not measured
);
