-- Process types beside web: a release has their commands, an environment their numbers of instances and sizes, by name.
ALTER TABLE releases ADD processes jsonb NOT NULL DEFAULT '{}';
ALTER TABLE environments ADD processes jsonb NOT NULL DEFAULT '{}';

ALTER TABLE operations DROP CONSTRAINT operations_kind_check;
ALTER TABLE operations ADD CONSTRAINT operations_kind_check
    CHECK (kind IN ('application-deletion', 'environment-deletion', 'stop', 'maintenance', 'process-scale', 'schedule'));
