-- Log lines, executions of functions, and counted requests: rows that come in by time and go by age, whole chunks at once.
--
-- TimescaleDB's hypertables if the extension is in this database (an operator's superuser puts it there before the first migration), native range
-- partitions otherwise. The tables, their indexes and all queries are the same; what differs stands behind make_partitions and drop_partitions.
-- Only what TimescaleDB has under the Apache licence is used: hypertables and drop_chunks, no policies, no compression, no continuous aggregates.
-- A native table has a default partition, so that no row is ever refused because nobody has made its partition yet.
--
-- Every such table has `at`, the time by which it is cut.

CREATE TABLE series (
    name   text     PRIMARY KEY,
    width  interval NOT NULL                    -- of a partition
);
INSERT INTO series (name, width) VALUES ('log_lines', '1 day'), ('executions', '1 day'), ('request_windows', '7 days');

CREATE SEQUENCE log_positions;

CREATE FUNCTION has_timescale() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
$$;

DO $$
DECLARE
    partitioned text := CASE WHEN has_timescale() THEN '' ELSE ' PARTITION BY RANGE (at)' END;
    table_name  text;
    table_width interval;
BEGIN
    -- Lines of applications: of their builds and of their running instances. `position` rises in the order of commits (intake takes a lock),
    -- so that a reader who goes on after the last position it saw misses nothing.
    EXECUTE $table$
        CREATE TABLE log_lines (
            position        bigint      NOT NULL DEFAULT nextval('log_positions'),
            at              timestamptz NOT NULL,
            application_id  uuid        NOT NULL,
            environment     text        NOT NULL,
            deployment_id   uuid,
            component       text        NOT NULL CHECK (component IN ('build', 'run')),
            pod             text        NOT NULL,
            container       text        NOT NULL,
            stream          text        NOT NULL,
            line            text        NOT NULL
        )$table$ || partitioned;
    CREATE INDEX log_lines_application ON log_lines (application_id, position);
    CREATE INDEX log_lines_deployment ON log_lines (deployment_id, position) WHERE deployment_id IS NOT NULL;

    -- What the platform did: one row for each request at the gateway and each execution of a function.
    EXECUTE $table$
        CREATE TABLE executions (
            at           timestamptz      NOT NULL,
            correlation  text             NOT NULL,
            kind         text             NOT NULL,
            context      text             NOT NULL,
            name         text             NOT NULL,
            outcome      text             NOT NULL,
            detail       text             NOT NULL,
            duration_ms  double precision NOT NULL,
            message      text,
            type         text,
            causation    text,
            actor        uuid,
            trace        text,
            emitted      text[]           NOT NULL,
            attempt      integer          NOT NULL,
            cold         boolean          NOT NULL
        )$table$ || partitioned;
    CREATE INDEX executions_correlation ON executions (correlation, at);

    -- Requests that went through the ingress to an application, counted by revision and status within a window that begins at `at`.
    EXECUTE $table$
        CREATE TABLE request_windows (
            at              timestamptz      NOT NULL,
            until           timestamptz      NOT NULL,
            application_id  uuid             NOT NULL,
            environment     text             NOT NULL,
            revision        text             NOT NULL,
            status          smallint         NOT NULL,
            requests        bigint           NOT NULL CHECK (requests >= 0),
            duration_ms     double precision NOT NULL
        )$table$ || partitioned;
    CREATE INDEX request_windows_application ON request_windows (application_id, at);

    FOR table_name, table_width IN SELECT name, width FROM series LOOP
        IF has_timescale() THEN
            PERFORM create_hypertable(table_name::regclass, 'at', chunk_time_interval => table_width, create_default_indexes => false);
        ELSE
            EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', table_name || '_default', table_name);
        END IF;
    END LOOP;
END $$;

-- Functions may write rows and own nothing, so partitions are made and dropped by functions of the owner.
DO $$
BEGIN
    IF has_timescale() THEN
        -- Chunks make themselves.
        CREATE FUNCTION make_partitions(since timestamptz, until timestamptz) RETURNS integer LANGUAGE sql AS 'SELECT 0';

        CREATE FUNCTION drop_partitions(series_name text, before timestamptz) RETURNS integer
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '3s' AS $body$
        DECLARE
            dropped integer;
        BEGIN
            IF NOT EXISTS (SELECT FROM series WHERE name = series_name) THEN
                RAISE EXCEPTION '% is no series', series_name;
            END IF;
            SELECT count(*) INTO dropped FROM drop_chunks(series_name::regclass, older_than => before);
            RETURN dropped;
        END $body$;
        RETURN;
    END IF;

    -- Makes what is missing of the partitions of [since, until), and moves there what has meanwhile gone into the default partition.
    -- Writers wait for the moment it takes; readers go on. Writers must be locked out at the table: one that is already on its way into the default
    -- partition would be refused there when the new partition takes the range. Tables are locked in the order in which on_logs_collected writes
    -- them. Returns how many were made.
    CREATE FUNCTION make_partitions(since timestamptz, until timestamptz) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '3s' AS $body$
    DECLARE
        wanted    record;
        lower_end timestamptz;
        part      text;
        made      integer := 0;
    BEGIN
        FOR wanted IN SELECT name, width FROM series ORDER BY name DESC LOOP
            lower_end := date_bin(wanted.width, since, '2000-01-03Z');
            WHILE lower_end < until LOOP
                part := wanted.name || to_char(lower_end, '_YYYYMMDD');
                IF to_regclass(part) IS NULL THEN
                    EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', wanted.name);
                    IF to_regclass(part) IS NULL THEN      -- nobody else made it while this one waited
                        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part, wanted.name);
                        EXECUTE format(
                            'WITH moved AS (DELETE FROM %I WHERE at >= %L AND at < %L RETURNING *) INSERT INTO %I SELECT * FROM moved',
                            wanted.name || '_default', lower_end, lower_end + wanted.width, part);
                        EXECUTE format(
                            'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                            wanted.name, part, lower_end, lower_end + wanted.width);
                        made := made + 1;
                    END IF;
                END IF;
                lower_end := lower_end + wanted.width;
            END LOOP;
        END LOOP;
        RETURN made;
    END $body$;

    -- Drops the partitions that lie wholly before a moment, and such rows of the default partition. Returns how many partitions went.
    CREATE FUNCTION drop_partitions(series_name text, before timestamptz) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '3s' AS $body$
    DECLARE
        part_width interval;
        part       text;
        dropped    integer := 0;
    BEGIN
        SELECT width INTO part_width FROM series WHERE name = series_name;
        IF part_width IS NULL THEN
            RAISE EXCEPTION '% is no series', series_name;
        END IF;
        FOR part IN
            SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
            WHERE inhparent = series_name::regclass AND child.relname <> series_name || '_default'
            ORDER BY child.relname
        LOOP
            IF to_date(right(part, 8), 'YYYYMMDD')::timestamptz + part_width <= before THEN
                EXECUTE format('DROP TABLE %I', part);
                dropped := dropped + 1;
            END IF;
        END LOOP;
        EXECUTE format('DELETE FROM %I WHERE at < %L', series_name || '_default', before);
        RETURN dropped;
    END $body$;
END $$;

SELECT make_partitions(now() - interval '1 day', now() + interval '8 days');
