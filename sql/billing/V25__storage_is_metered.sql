-- Data services, volumes and backups of an application: what it has reserved or stored, times how long, in MiB × seconds. Meters are columns of
-- usage, and the code has their list, so that a new meter needs no other conditions.

ALTER TABLE usage_records
    ADD COLUMN database_mib_seconds bigint NOT NULL DEFAULT 0 CHECK (database_mib_seconds >= 0),
    ADD COLUMN redis_mib_seconds bigint NOT NULL DEFAULT 0 CHECK (redis_mib_seconds >= 0),
    ADD COLUMN volume_mib_seconds bigint NOT NULL DEFAULT 0 CHECK (volume_mib_seconds >= 0),
    ADD COLUMN backup_mib_seconds bigint NOT NULL DEFAULT 0 CHECK (backup_mib_seconds >= 0);
ALTER TABLE usage_hours
    ADD COLUMN database_mib_seconds bigint NOT NULL DEFAULT 0,
    ADD COLUMN redis_mib_seconds bigint NOT NULL DEFAULT 0,
    ADD COLUMN volume_mib_seconds bigint NOT NULL DEFAULT 0,
    ADD COLUMN backup_mib_seconds bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN usage_hours.environment IS 'Empty: what belongs to the application, as its data services, volumes and backups.';

ALTER TABLE prices DROP CONSTRAINT prices_meter_check, ADD CONSTRAINT prices_meter_check CHECK (meter ~ '^[a-z]+(_[a-z]+)*$');
ALTER TABLE invoice_lines DROP CONSTRAINT invoice_lines_meter_check, ADD CONSTRAINT invoice_lines_meter_check CHECK (meter ~ '^[a-z]+(_[a-z]+)*$');
ALTER TABLE billed_usage DROP CONSTRAINT billed_usage_meter_check, ADD CONSTRAINT billed_usage_meter_check CHECK (meter ~ '^[a-z]+(_[a-z]+)*$');
ALTER TABLE usage_notices DROP CONSTRAINT usage_notices_meter_check, ADD CONSTRAINT usage_notices_meter_check CHECK (meter ~ '^[a-z]+(_[a-z]+)*$');
ALTER TABLE subscriptions DROP CONSTRAINT subscriptions_exhausted_meters_check;

-- A version of a plan never changes: who has the first version of a paid plan pays nothing for storage. The free plan has quotas instead of prices.
-- Storage is priced by the GiB for 31 days: 1,024 MiB × 744 hours = 2,742,681,600 MiB seconds.
INSERT INTO plans (code, version, name, fee_minor, currency, offered_from) VALUES
    ('pro',      2, 'Pro',      2000,  'EUR', '2026-11-30T00:00:00Z'),
    ('business', 2, 'Business', 10000, 'EUR', '2026-11-30T00:00:00Z');
INSERT INTO entitlements (plan_code, plan_version, applications, memory_mib)
    SELECT plan_code, 2, applications, memory_mib FROM entitlements WHERE plan_code IN ('pro', 'business') AND plan_version = 1;
INSERT INTO prices (plan_code, plan_version, meter, included_units)
    SELECT plan_code, 2, meter, included_units FROM prices WHERE plan_code IN ('pro', 'business') AND plan_version = 1;
INSERT INTO price_tiers (plan_code, plan_version, meter, position, up_to, amount_minor, per_units)
    SELECT plan_code, 2, meter, position, up_to, amount_minor, per_units FROM price_tiers
    WHERE plan_code IN ('pro', 'business') AND plan_version = 1;

WITH storage (plan_code, meter, included_gib_months, amount_minor) AS (
    VALUES
        ('pro',      'database_mib_seconds', 5,    25),
        ('pro',      'redis_mib_seconds',    0.25, 400),
        ('pro',      'volume_mib_seconds',   20,   10),
        ('pro',      'backup_mib_seconds',   50,   4),
        ('business', 'database_mib_seconds', 50,   20),
        ('business', 'redis_mib_seconds',    2,    300),
        ('business', 'volume_mib_seconds',   200,  8),
        ('business', 'backup_mib_seconds',   500,  3)
), priced AS (
    INSERT INTO prices (plan_code, plan_version, meter, included_units)
        SELECT plan_code, 2, meter, (included_gib_months * 2742681600)::bigint FROM storage
        RETURNING plan_code, meter
)
INSERT INTO price_tiers (plan_code, plan_version, meter, position, up_to, amount_minor, per_units)
    SELECT plan_code, 2, meter, 1, NULL, amount_minor, 2742681600 FROM storage;
