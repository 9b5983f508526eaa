-- By what the instances of web scale, and the target of one of them. Null: the installation's default of requests in flight.
ALTER TABLE environments
    ADD COLUMN scale_metric text NOT NULL DEFAULT 'concurrency',
    ADD COLUMN scale_target integer,
    ADD CONSTRAINT environments_scale_metric CHECK (scale_metric IN ('concurrency', 'rps', 'cpu', 'memory')),
    ADD CONSTRAINT environments_scale_target CHECK (scale_target > 0 AND (scale_target IS NOT NULL OR scale_metric = 'concurrency'));
