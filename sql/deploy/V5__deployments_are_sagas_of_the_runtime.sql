-- The timeline of deployments stands where every saga's does. `look_at`: when the reminder of a running one comes; one that has not come is the mark of
-- a stuck deployment.
INSERT INTO saga_steps (saga_id, step, position, started_at, finished_at, attempts)
SELECT deployment_id, step, row_number() OVER (PARTITION BY deployment_id ORDER BY place), started_at, greatest(finished_at, started_at), 1
FROM deployment_steps
    JOIN unnest(ARRAY['requested', 'building', 'preparing', 'releasing', 'observing', 'rolling-back']) WITH ORDINALITY AS known (name, place) ON name = step;
DROP TABLE deployment_steps;

ALTER TABLE deployments ADD COLUMN look_at timestamptz;
UPDATE deployments SET look_at = changed_at + interval '1 minute' WHERE finished_at IS NULL;
ALTER TABLE deployments ADD CONSTRAINT deployments_look CHECK ((look_at IS NULL) = (finished_at IS NOT NULL));
DROP INDEX deployments_running;
CREATE INDEX deployments_stuck ON deployments (look_at) WHERE finished_at IS NULL;
