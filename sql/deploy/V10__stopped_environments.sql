-- A stopped environment runs nothing and refuses deployments until it is started.
ALTER TABLE environments ADD COLUMN stopped_at timestamptz;
ALTER TABLE deployments DROP CONSTRAINT deployments_cause_check;
ALTER TABLE deployments ADD CONSTRAINT deployments_cause_check
    CHECK (cause IN ('deploy', 'promotion', 'rollback', 'configuration', 'scale', 'restart', 'start'));
