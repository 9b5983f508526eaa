-- Columns are named as the API and the code name them.
ALTER TABLE applications RENAME COLUMN releases TO release_count;
ALTER TABLE environments RENAME COLUMN memory_taken_mib TO reserved_memory_mib;
ALTER TABLE releases RENAME COLUMN command TO release_command;
ALTER TABLE deployments RENAME COLUMN requests TO observed_requests;
ALTER TABLE deployments RENAME COLUMN errors TO observed_errors;

-- An entry is part of the configuration from `version` on, until `ended_version`.
ALTER TABLE config_entries RENAME COLUMN since TO version;
ALTER TABLE config_entries RENAME COLUMN until TO ended_version;
ALTER TABLE config_entries RENAME COLUMN at TO created_at;

UPDATE deployments SET terms = (terms - 'until_ready_seconds') || jsonb_build_object('ready_timeout_seconds', terms -> 'until_ready_seconds')
WHERE terms ? 'until_ready_seconds';
