-- Usage by day: periods begin and end at midnight UTC, so a bill needs no hours. `usage_totals` is the same over all applications, which decides
-- whether a customer has used what the plan includes: that is read with each record (docs/decisions/0070).
--
-- Triggers keep both equal to `usage_hours`, whichever version of Capsule writes there.

CREATE TABLE usage_days (
    user_id               uuid        NOT NULL,
    day                   timestamptz NOT NULL,
    application_id        uuid        NOT NULL,
    environment           text        NOT NULL,
    requests              bigint      NOT NULL,
    cpu_milliseconds      bigint      NOT NULL,
    database_mib_seconds  bigint      NOT NULL,
    redis_mib_seconds     bigint      NOT NULL,
    volume_mib_seconds    bigint      NOT NULL,
    backup_mib_seconds    bigint      NOT NULL,
    cpu_until             timestamptz,
    PRIMARY KEY (user_id, day, application_id, environment)
);

CREATE TABLE usage_totals (
    user_id               uuid        NOT NULL,
    day                   timestamptz NOT NULL,
    requests              bigint      NOT NULL,
    cpu_milliseconds      bigint      NOT NULL,
    database_mib_seconds  bigint      NOT NULL,
    redis_mib_seconds     bigint      NOT NULL,
    volume_mib_seconds    bigint      NOT NULL,
    backup_mib_seconds    bigint      NOT NULL,
    PRIMARY KEY (user_id, day)
);

-- Adds a row of `usage_hours` to its day.
CREATE FUNCTION add_to_day(added usage_hours) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    its_day timestamptz := date_trunc('day', added.hour, 'UTC');
BEGIN
    INSERT INTO usage_days AS sums VALUES (added.user_id, its_day, added.application_id, added.environment, added.requests, added.cpu_milliseconds,
        added.database_mib_seconds, added.redis_mib_seconds, added.volume_mib_seconds, added.backup_mib_seconds, added.cpu_until)
    ON CONFLICT (user_id, day, application_id, environment) DO UPDATE SET
        requests = sums.requests + excluded.requests,
        cpu_milliseconds = sums.cpu_milliseconds + excluded.cpu_milliseconds,
        database_mib_seconds = sums.database_mib_seconds + excluded.database_mib_seconds,
        redis_mib_seconds = sums.redis_mib_seconds + excluded.redis_mib_seconds,
        volume_mib_seconds = sums.volume_mib_seconds + excluded.volume_mib_seconds,
        backup_mib_seconds = sums.backup_mib_seconds + excluded.backup_mib_seconds,
        cpu_until = greatest(sums.cpu_until, excluded.cpu_until);
    INSERT INTO usage_totals AS sums VALUES (added.user_id, its_day, added.requests, added.cpu_milliseconds, added.database_mib_seconds,
        added.redis_mib_seconds, added.volume_mib_seconds, added.backup_mib_seconds)
    ON CONFLICT (user_id, day) DO UPDATE SET
        requests = sums.requests + excluded.requests,
        cpu_milliseconds = sums.cpu_milliseconds + excluded.cpu_milliseconds,
        database_mib_seconds = sums.database_mib_seconds + excluded.database_mib_seconds,
        redis_mib_seconds = sums.redis_mib_seconds + excluded.redis_mib_seconds,
        volume_mib_seconds = sums.volume_mib_seconds + excluded.volume_mib_seconds,
        backup_mib_seconds = sums.backup_mib_seconds + excluded.backup_mib_seconds;
END
$$;

CREATE FUNCTION sum_up_usage() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    added    usage_hours;
    its_day  timestamptz;
BEGIN
    IF TG_OP <> 'DELETE' THEN
        added := NEW;
        IF TG_OP = 'UPDATE' THEN
            added.requests := NEW.requests - OLD.requests;
            added.cpu_milliseconds := NEW.cpu_milliseconds - OLD.cpu_milliseconds;
            added.database_mib_seconds := NEW.database_mib_seconds - OLD.database_mib_seconds;
            added.redis_mib_seconds := NEW.redis_mib_seconds - OLD.redis_mib_seconds;
            added.volume_mib_seconds := NEW.volume_mib_seconds - OLD.volume_mib_seconds;
            added.backup_mib_seconds := NEW.backup_mib_seconds - OLD.backup_mib_seconds;
        END IF;
        PERFORM add_to_day(added);
        RETURN NULL;
    END IF;
    -- Records that move to another owner: rare, so the day is summed up anew.
    its_day := date_trunc('day', OLD.hour, 'UTC');
    UPDATE usage_totals SET
        requests = requests - OLD.requests,
        cpu_milliseconds = cpu_milliseconds - OLD.cpu_milliseconds,
        database_mib_seconds = database_mib_seconds - OLD.database_mib_seconds,
        redis_mib_seconds = redis_mib_seconds - OLD.redis_mib_seconds,
        volume_mib_seconds = volume_mib_seconds - OLD.volume_mib_seconds,
        backup_mib_seconds = backup_mib_seconds - OLD.backup_mib_seconds
    WHERE user_id = OLD.user_id AND day = its_day;
    DELETE FROM usage_days
    WHERE user_id = OLD.user_id AND day = its_day AND application_id = OLD.application_id AND environment = OLD.environment;
    INSERT INTO usage_days
    SELECT user_id, its_day, application_id, environment, sum(requests), sum(cpu_milliseconds), sum(database_mib_seconds), sum(redis_mib_seconds),
        sum(volume_mib_seconds), sum(backup_mib_seconds), max(cpu_until)
    FROM usage_hours
    WHERE user_id = OLD.user_id AND hour >= its_day AND hour < its_day + interval '24 hours' AND application_id = OLD.application_id
        AND environment = OLD.environment
    GROUP BY user_id, application_id, environment;
    RETURN NULL;
END
$$;

-- From here on nobody writes until the migration has committed: CREATE TRIGGER locks the table.
CREATE TRIGGER usage_hours_are_summed_up AFTER INSERT OR UPDATE OR DELETE ON usage_hours FOR EACH ROW EXECUTE FUNCTION sum_up_usage();

INSERT INTO usage_days
SELECT user_id, date_trunc('day', hour, 'UTC'), application_id, environment, sum(requests), sum(cpu_milliseconds), sum(database_mib_seconds),
    sum(redis_mib_seconds), sum(volume_mib_seconds), sum(backup_mib_seconds), max(cpu_until)
FROM usage_hours GROUP BY 1, 2, 3, 4;
INSERT INTO usage_totals
SELECT user_id, day, sum(requests), sum(cpu_milliseconds), sum(database_mib_seconds), sum(redis_mib_seconds), sum(volume_mib_seconds),
    sum(backup_mib_seconds)
FROM usage_days GROUP BY 1, 2;

-- The last payment of a customer, and the pages of a customer's payments.
CREATE INDEX payments_of_customer ON payments (customer_id, id);
CREATE INDEX credit_notes_of_customer ON credit_notes (customer_id);
CREATE INDEX disputes_of_invoice ON disputes (invoice_id);
CREATE INDEX disputes_of_customer ON disputes (customer_id);
