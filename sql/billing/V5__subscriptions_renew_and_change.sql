-- A customer keeps one subscription and changes its plan: upwards at once, downwards when the period that is paid for ends.

ALTER TABLE customers
    ADD COLUMN provider_id     text UNIQUE,             -- the customer at the payment provider, made with the first payment
    ADD COLUMN payment_method  text;                    -- the one that was charged last with success

ALTER TABLE subscriptions
    ADD COLUMN billed_until       timestamptz,          -- the end of the period that is running and, where it costs something, invoiced
    ADD COLUMN next_plan_code     text,                 -- from then on, if it is to be another
    ADD COLUMN next_plan_version  integer,
    DROP CONSTRAINT subscriptions_status_check,
    ADD CONSTRAINT subscriptions_status_check CHECK (status IN ('active', 'past_due', 'suspended', 'ended')),
    ADD CONSTRAINT next_plan_is_whole CHECK ((next_plan_code IS NULL) = (next_plan_version IS NULL)),
    ADD FOREIGN KEY (next_plan_code, next_plan_version) REFERENCES plans (code, version);

UPDATE subscriptions SET billed_until = (anchored_at AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';

ALTER TABLE subscriptions
    ALTER COLUMN billed_until SET NOT NULL,
    ADD CONSTRAINT periods_have_a_length CHECK (billed_until > anchored_at);

CREATE INDEX subscriptions_to_renew ON subscriptions (billed_until) WHERE status <> 'ended';

-- Periods that have ended, the plan they were rated by, and what was billed for their use. What is reported late is the difference to a new rating.
CREATE TABLE rated_periods (
    subscription_id  uuid        NOT NULL REFERENCES subscriptions (id),
    period_begin     timestamptz NOT NULL,
    period_end       timestamptz NOT NULL,
    plan_code        text        NOT NULL,
    plan_version     integer     NOT NULL,
    charged          bigint      NOT NULL CHECK (charged >= 0),
    PRIMARY KEY (subscription_id, period_begin),
    CHECK (period_begin < period_end),
    FOREIGN KEY (plan_code, plan_version) REFERENCES plans (code, version)
);
