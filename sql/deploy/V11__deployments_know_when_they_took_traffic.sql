-- When a deployment took the traffic of its environment. NULL: it never did.
ALTER TABLE deployments ADD COLUMN traffic_at timestamptz;
UPDATE deployments SET traffic_at = coalesce(
    (SELECT min(started_at) FROM saga_steps WHERE saga_id = deployments.id AND step IN ('observing', 'rolling-back')),
    CASE WHEN status = 'succeeded' THEN finished_at END
);
