-- The snapshot with which the next claim of a volume is being filled, until it has replaced the present one. NULL: no restore is in progress.
ALTER TABLE volumes ADD COLUMN restoring_snapshot_id uuid;
