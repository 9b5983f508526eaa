-- Process types beside web: a release has their commands, an environment their numbers of instances and sizes, by name.
ALTER TABLE releases ADD processes jsonb NOT NULL DEFAULT '{}';
ALTER TABLE environments ADD processes jsonb NOT NULL DEFAULT '{}';

ALTER TABLE operations DROP CONSTRAINT operations_kind_check;
ALTER TABLE operations ADD CONSTRAINT operations_kind_check
    CHECK (kind IN ('application-deletion', 'environment-deletion', 'stop', 'maintenance', 'service-creation', 'service-rotation', 'process-scale', 'schedule'));

-- A deployment that succeeded may have a reason too: what does not run as it should beside web.
ALTER TABLE deployments DROP CONSTRAINT deployments_reason;
ALTER TABLE deployments ADD CONSTRAINT deployments_reason CHECK (
    CASE WHEN status IN ('rolling-back', 'failed', 'cancelled', 'rolled-back') THEN reason IS NOT NULL ELSE reason IS NULL OR status = 'succeeded' END
);
