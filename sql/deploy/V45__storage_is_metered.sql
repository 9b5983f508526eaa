-- Until when the storage of an application is measured; a row for each application that has something stored.
CREATE TABLE storage_meters (
    application_id uuid        PRIMARY KEY,
    measured_until timestamptz NOT NULL
);
CREATE INDEX storage_meters_measured_until ON storage_meters (measured_until);

-- What there was before is measured from now on.
INSERT INTO storage_meters (application_id, measured_until)
    SELECT application_id, now() FROM data_services WHERE kind <> 'external' AND ready_at IS NOT NULL AND state <> 'purged'
    UNION
    SELECT application_id, now() FROM volumes WHERE ready_at IS NOT NULL AND state <> 'purged';

-- What a snapshot takes, as far as the volume was measured; null: its size.
ALTER TABLE volume_snapshots ADD COLUMN used_bytes bigint CHECK (used_bytes >= 0);
