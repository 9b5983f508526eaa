-- When the deletion of an account was requested, for the operation that shows it. Unknown for those that were requested before.
ALTER TABLE users ADD COLUMN deletion_requested_at timestamptz;
