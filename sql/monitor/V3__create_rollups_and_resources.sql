-- CPU and memory beside the requests, how long requests took (mergeable buckets), and both summed up by minute and by hour, so that a year can be
-- read as quickly as an hour and raw rows can go after days. Rollups of our own: TimescaleDB's continuous aggregates are not under the Apache licence.
--
-- What comes in marks its minute as stale, in the same transaction. A rollup takes the marks and sums those minutes and their hours anew from the
-- rows below; doing it twice changes nothing. Until then readers take stale minutes from the raw rows: figures are exact at any moment, however late
-- a row came. Marks are appended and never updated, so that nobody waits for anybody.

ALTER TABLE request_windows ADD COLUMN buckets integer[] NOT NULL DEFAULT '{}';
ALTER TABLE request_windows ADD COLUMN counts bigint[] NOT NULL DEFAULT '{}';
ALTER TABLE unowned_usage ADD COLUMN cpu_milliseconds bigint NOT NULL DEFAULT 0;

-- Lines of the platform's own functions are kept under the application 00000000-… and told apart by this.
ALTER TABLE log_lines ADD COLUMN service text NOT NULL DEFAULT '';
CREATE INDEX executions_at ON executions (at, name);

CREATE TABLE stale_minutes (
    series  text        NOT NULL CHECK (series IN ('request', 'resource')),
    minute  timestamptz NOT NULL
);
CREATE INDEX stale_minutes_series ON stale_minutes (series, minute);
INSERT INTO stale_minutes (series, minute) SELECT DISTINCT 'request', date_bin('1 minute', at, '2000-01-03Z') FROM request_windows;

DO $$
DECLARE
    partitioned text := CASE WHEN has_timescale() THEN '' ELSE ' PARTITION BY RANGE (at)' END;
    level       text;
    table_name  text;
    table_width interval;
BEGIN
    -- What one pod used from `at` to `until`, which lie in the same minute: a longer window comes in as several rows.
    EXECUTE $table$
        CREATE TABLE resource_windows (
            at                   timestamptz      NOT NULL,
            until                timestamptz      NOT NULL,
            application_id       uuid             NOT NULL,
            environment          text             NOT NULL,
            component            text             NOT NULL,
            service              text             NOT NULL,
            pod                  text             NOT NULL,
            cpu_ms               double precision NOT NULL,
            memory_max           bigint           NOT NULL,
            memory_byte_seconds  double precision NOT NULL,
            instance_seconds     double precision NOT NULL
        )$table$ || partitioned;
    CREATE INDEX resource_windows_application ON resource_windows (application_id, at);

    FOREACH level IN ARRAY ARRAY['minutes', 'hours'] LOOP
        EXECUTE format($table$
            CREATE TABLE request_%s (
                at              timestamptz      NOT NULL,
                application_id  uuid             NOT NULL,
                environment     text             NOT NULL,
                revision        text             NOT NULL,
                status          smallint         NOT NULL,
                requests        bigint           NOT NULL,
                duration_ms     double precision NOT NULL,
                buckets         integer[]        NOT NULL,
                counts          bigint[]         NOT NULL
            )$table$, level) || partitioned;
        EXECUTE format('CREATE INDEX request_%1$s_application ON request_%1$s (application_id, at)', level);
        EXECUTE format('CREATE INDEX request_%1$s_at ON request_%1$s (at)', level);

        EXECUTE format($table$
            CREATE TABLE resource_%s (
                at                   timestamptz      NOT NULL,
                application_id       uuid             NOT NULL,
                environment          text             NOT NULL,
                component            text             NOT NULL,
                service              text             NOT NULL,
                cpu_ms               double precision NOT NULL,
                memory_max           bigint           NOT NULL,
                memory_byte_seconds  double precision NOT NULL,
                instance_seconds     double precision NOT NULL
            )$table$, level) || partitioned;
        EXECUTE format('CREATE INDEX resource_%1$s_application ON resource_%1$s (application_id, at)', level);
        EXECUTE format('CREATE INDEX resource_%1$s_at ON resource_%1$s (at)', level);
    END LOOP;

    INSERT INTO series (name, width) VALUES
        ('resource_windows', '1 day'), ('request_minutes', '7 days'), ('resource_minutes', '7 days'), ('request_hours', '28 days'),
        ('resource_hours', '28 days');
    FOR table_name, table_width IN
        SELECT name, width FROM series WHERE name IN ('resource_windows', 'request_minutes', 'resource_minutes', 'request_hours', 'resource_hours')
    LOOP
        IF has_timescale() THEN
            PERFORM create_hypertable(table_name::regclass, 'at', chunk_time_interval => table_width, create_default_indexes => false);
        ELSE
            EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', table_name || '_default', table_name);
        END IF;
    END LOOP;
END $$;

SELECT make_partitions(now() - interval '1 day', now() + interval '8 days');

-- What happened to an application, to be shown beside its figures.
CREATE TABLE markers (
    deployment_id   uuid        NOT NULL,
    kind            text        NOT NULL CHECK (kind IN ('deployment-succeeded', 'deployment-failed', 'deployment-rolled-back')),
    application_id  uuid        NOT NULL,
    environment     text        NOT NULL,
    at              timestamptz NOT NULL,
    release_id      uuid,
    reason          text        NOT NULL,
    PRIMARY KEY (deployment_id, kind)
);
CREATE INDEX markers_application ON markers (application_id, at);

-- A line's JSON, for filters by field; null if it is none.
CREATE FUNCTION json_of(line text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 10000 AS $$
BEGIN
    RETURN line::jsonb;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;
