-- The user of a deleted account may run nothing, whatever event arrives late.
ALTER TABLE quotas ADD COLUMN deleted_at timestamptz;
CREATE INDEX applications_deleted_at ON applications (deleted_at) WHERE status = 'deleted';
