-- Plans that charge nothing beyond what they include stop work when it is used up. Customers are notified once for each meter, period and threshold.
ALTER TABLE subscriptions
    ADD COLUMN exhausted_meters text[] NOT NULL DEFAULT '{}' CHECK (exhausted_meters <@ ARRAY['requests', 'cpu_milliseconds']),
    ADD COLUMN exhausted_until timestamptz,
    ADD COLUMN is_announced boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT subscriptions_exhausted_is_whole CHECK ((exhausted_meters = '{}') = (exhausted_until IS NULL));
COMMENT ON COLUMN subscriptions.is_announced IS 'Whether other contexts know its plan and status. False for subscriptions of a release that did not report all of it.';
ALTER TABLE subscriptions ALTER COLUMN is_announced SET DEFAULT true;
CREATE INDEX subscriptions_to_review ON subscriptions (exhausted_until) WHERE NOT is_announced OR exhausted_until IS NOT NULL;

-- The last notice of each meter.
CREATE TABLE usage_notices (
    subscription_id  uuid        NOT NULL REFERENCES subscriptions (id),
    meter            text        NOT NULL CHECK (meter IN ('requests', 'cpu_milliseconds')),
    period_begin     timestamptz NOT NULL,
    percent          integer     NOT NULL CHECK (percent BETWEEN 1 AND 100),
    PRIMARY KEY (subscription_id, meter)
);
