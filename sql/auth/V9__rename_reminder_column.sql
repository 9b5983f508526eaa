-- When a running registration gets its next reminder.
ALTER TABLE registrations RENAME COLUMN look_at TO reminder_at;
