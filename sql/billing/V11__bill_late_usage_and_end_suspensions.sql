-- Every ended period stays open until no usage can arrive for it and all of it is billed. What is billed is recorded by meter.

ALTER TABLE invoice_lines ADD COLUMN meter text CHECK (meter IN ('requests', 'cpu_milliseconds'));
COMMENT ON COLUMN invoice_lines.meter IS 'What quantity counts, for usage.';
ALTER TABLE invoice_lines DISABLE TRIGGER invoice_lines_never_change;
UPDATE invoice_lines SET meter = CASE WHEN kind = 'usage' AND description LIKE 'CPU%' THEN 'cpu_milliseconds' ELSE 'requests' END
WHERE kind IN ('usage', 'late-usage');
ALTER TABLE invoice_lines ENABLE TRIGGER invoice_lines_never_change;

CREATE TABLE billed_usage (
    subscription_id  uuid        NOT NULL,
    period_begin     timestamptz NOT NULL,
    meter            text        NOT NULL CHECK (meter IN ('requests', 'cpu_milliseconds')),
    quantity         bigint      NOT NULL,
    amount_minor     bigint      NOT NULL,
    currency         text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    PRIMARY KEY (subscription_id, period_begin, meter),
    FOREIGN KEY (subscription_id, period_begin) REFERENCES rated_periods (subscription_id, period_begin)
);

-- Periods of before: usage that has arrived counts as billed at the amount that was charged, so the next invoice has the difference in price.
-- CPU is what its lines say, requests are the rest.
WITH cpu AS (
    SELECT period.subscription_id, period.period_begin, coalesce(sum(line.amount_minor), 0)::bigint AS amount_minor
    FROM rated_periods AS period
    LEFT JOIN invoices ON invoices.subscription_id = period.subscription_id AND invoices.status <> 'void'
    LEFT JOIN invoice_lines AS line ON line.invoice_id = invoices.id AND line.meter = 'cpu_milliseconds'
        AND line.period_begin = period.period_begin
    GROUP BY period.subscription_id, period.period_begin
), used AS (
    SELECT period.subscription_id, period.period_begin, coalesce(sum(requests), 0)::bigint AS requests,
        coalesce(sum(cpu_milliseconds), 0)::bigint AS cpu_milliseconds
    FROM rated_periods AS period
    JOIN subscriptions ON subscriptions.id = period.subscription_id
    JOIN customers ON customers.id = subscriptions.customer_id
    LEFT JOIN usage_hours ON usage_hours.user_id = customers.user_id AND hour >= period_begin AND hour < period_end
    GROUP BY period.subscription_id, period.period_begin
)
INSERT INTO billed_usage
SELECT period.subscription_id, period.period_begin, meter,
    CASE meter WHEN 'requests' THEN used.requests ELSE used.cpu_milliseconds END,
    CASE meter WHEN 'requests' THEN period.charged_minor - cpu.amount_minor ELSE cpu.amount_minor END,
    plans.currency
FROM rated_periods AS period
JOIN cpu USING (subscription_id, period_begin)
JOIN used USING (subscription_id, period_begin)
JOIN plans ON (plans.code, plans.version) = (period.plan_code, period.plan_version)
CROSS JOIN (VALUES ('requests'), ('cpu_milliseconds')) AS meters (meter);

ALTER TABLE rated_periods ADD COLUMN is_open boolean NOT NULL DEFAULT true, DROP COLUMN charged_minor;
CREATE INDEX rated_periods_open ON rated_periods (subscription_id, period_begin) WHERE is_open;

-- A suspension has a beginning: time after it is not owed.
ALTER TABLE subscriptions
    ADD COLUMN suspended_at timestamptz,
    ADD COLUMN credit_minor bigint NOT NULL DEFAULT 0 CHECK (credit_minor >= 0);
COMMENT ON COLUMN subscriptions.credit_minor IS 'What the next invoices are reduced by, in minor units of the currency of the plans.';
UPDATE subscriptions SET suspended_at = coalesce(
    (SELECT max(payments.settled_at) FROM payments JOIN invoices ON invoices.id = payments.invoice_id
     WHERE payments.customer_id = subscriptions.customer_id AND payments.status = 'failed' AND invoices.status = 'open'), now())
WHERE status = 'suspended';
ALTER TABLE subscriptions ADD CONSTRAINT subscriptions_suspended_at CHECK ((status = 'suspended') = (suspended_at IS NOT NULL));

-- The final invoice of a suspended plan: served time and usage.
ALTER TABLE invoices DROP CONSTRAINT invoices_purpose_check, ADD CONSTRAINT invoices_purpose_check CHECK (purpose IN ('upgrade', 'renewal', 'final'));
ALTER TABLE invoice_lines
    DROP CONSTRAINT invoice_lines_kind_check,
    ADD CONSTRAINT invoice_lines_kind_check CHECK (kind IN ('fee', 'proration', 'credit', 'usage', 'late-usage'));
