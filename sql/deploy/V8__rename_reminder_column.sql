-- When a running deployment gets its next reminder.
ALTER TABLE deployments RENAME COLUMN look_at TO reminder_at;
ALTER TABLE deployments RENAME CONSTRAINT deployments_look TO deployments_reminder;
