-- One word for each concept, in the API, the events and the tables.
ALTER TABLE applications RENAME COLUMN destroyed_at TO deleted_at;
ALTER INDEX applications_destroyed_at RENAME TO applications_deleted_at;

ALTER TABLE alert_rules RENAME COLUMN least TO min_requests;
ALTER TABLE alert_rules RENAME COLUMN lasting TO pending_period;
ALTER TABLE alerts RENAME COLUMN turn TO state_version;
ALTER TABLE alerts RENAME COLUMN told TO last_notice;
ALTER TABLE alerts RENAME COLUMN told_at TO notified_at;
ALTER TABLE addresses RENAME COLUMN said_at TO updated_at;
