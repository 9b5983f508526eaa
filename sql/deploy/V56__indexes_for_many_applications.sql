-- What deletes a release or a deployment looks for the rows that refer to it: without these, once in all rows for each of them.
CREATE INDEX deployments_of_release ON deployments (release_id) WHERE release_id IS NOT NULL;
CREATE INDEX deployments_after ON deployments (previous_id) WHERE previous_id IS NOT NULL;
CREATE INDEX runs_of_release ON runs (release_id);
CREATE INDEX attach_tickets_of_application ON attach_tickets (application_id);

-- A page of runs reads its own rows, however often a schedule has run. What is counted and waited for has not ended.
CREATE INDEX runs_of_application_by_id ON runs (application_id, id);
CREATE INDEX runs_requested_at ON runs (requested_at);
CREATE INDEX runs_unfinished ON runs (application_id, requested_at) WHERE finished_at IS NULL;
DROP INDEX runs_of_application;

-- What an account stores is summed up by its applications.
CREATE INDEX data_service_backups_application_id ON data_service_backups (application_id);
CREATE INDEX volume_snapshots_application_id ON volume_snapshots (application_id);
CREATE INDEX certificate_orders_ordered_at ON certificate_orders (ordered_at);
