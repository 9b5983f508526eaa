-- A run of a schedule is a run whose Job the cluster has created: its row comes with the first event about that Job.
-- Without a foreign key: the history outlives the schedule.
ALTER TABLE runs ADD schedule_id uuid;
ALTER TABLE runs ADD scheduled_at timestamptz;
ALTER TABLE runs ADD job_name text;
ALTER TABLE runs ADD timeout_seconds integer NOT NULL DEFAULT 3600 CHECK (timeout_seconds > 0);
CREATE UNIQUE INDEX runs_of_jobs ON runs (application_id, job_name) WHERE job_name IS NOT NULL;
CREATE INDEX runs_of_schedule ON runs (schedule_id, id) WHERE schedule_id IS NOT NULL;
