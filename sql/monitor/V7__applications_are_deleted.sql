ALTER TABLE applications RENAME COLUMN destroyed_at TO deleted_at;
ALTER INDEX applications_destroyed_at RENAME TO applications_deleted_at;
