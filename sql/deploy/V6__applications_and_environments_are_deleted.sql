-- "delete" is the one word for it, in the API, the events and the tables.
ALTER TABLE applications DROP CONSTRAINT applications_status_check;
UPDATE applications SET status = CASE status WHEN 'destroying' THEN 'deleting' ELSE 'deleted' END WHERE status IN ('destroying', 'destroyed');
ALTER TABLE applications ADD CONSTRAINT applications_status_check CHECK (status IN ('active', 'deleting', 'deleted'));
ALTER TABLE applications RENAME COLUMN destroyed_at TO deleted_at;
DROP INDEX applications_name;
CREATE UNIQUE INDEX applications_name ON applications (name) WHERE status <> 'deleted';
ALTER TABLE environments RENAME COLUMN destroyed_at TO deleted_at;
