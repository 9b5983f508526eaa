-- When the collector first reported the release of a deployment under observation, also without requests. NULL: it has not. A deployment that is
-- under way now has a revision that the collector does not report without requests, so it counts as measured.
ALTER TABLE deployments ADD COLUMN measured_at timestamptz;
UPDATE deployments SET measured_at = requested_at WHERE finished_at IS NULL;
