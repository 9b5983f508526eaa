-- Log lines arrive in a table without indexes (`hot_log_lines`, by COPY) and move from there into the partitions of `log_lines`, sorted by application:
-- each then lies in one block of its application. A block has a Bloom filter of what its lines say, so that a search reads only blocks that may match
-- (functions/monitor/domain/log_index.py). Readers read both tables in one statement.

CREATE TABLE hot_log_lines (LIKE log_lines INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000);

-- How far a move of hot lines has been requested: one request for so many lines, whatever the number of batches.
CREATE TABLE log_closing (
    only_row            boolean  PRIMARY KEY DEFAULT true CHECK (only_row),
    requested_position  bigint   NOT NULL
);

INSERT INTO series (name, width) VALUES ('log_blocks', '1 day');

DO $$
BEGIN
    -- `at` is the time of the newest line: a block goes when its last line has gone.
    EXECUTE $table$
        CREATE TABLE log_blocks (
            at              timestamptz NOT NULL,
            first_at        timestamptz NOT NULL,
            application_id  uuid        NOT NULL,
            first_position  bigint      NOT NULL,
            last_position   bigint      NOT NULL CHECK (last_position >= first_position),
            filter          bytea       NOT NULL
        )$table$ || CASE WHEN has_timescale() THEN '' ELSE ' PARTITION BY RANGE (at)' END;
    ALTER TABLE log_blocks ALTER filter SET STORAGE EXTERNAL;   -- uncompressed: a probe reads one page of a filter
    CREATE INDEX log_blocks_application ON log_blocks (application_id, first_position);
    IF has_timescale() THEN
        PERFORM create_hypertable('log_blocks'::regclass, 'at', chunk_time_interval => interval '1 day', create_default_indexes => false);
    ELSE
        CREATE TABLE log_blocks_default PARTITION OF log_blocks DEFAULT;
    END IF;
END $$;

SELECT make_partitions(now() - interval '1 day', now() + interval '8 days');

-- Lines that are there lie in blocks without a filter.
INSERT INTO log_blocks (at, first_at, application_id, first_position, last_position, filter)
SELECT max(at), min(at), application_id, min(position), max(position), ''
FROM (SELECT at, application_id, position, (row_number() OVER (PARTITION BY application_id ORDER BY position) - 1) / 1000 AS block FROM log_lines) AS lines
GROUP BY application_id, block;

INSERT INTO log_closing (requested_position) SELECT coalesce(max(position), 0) FROM log_lines;

-- Whether a Bloom filter contains a hash. A filter without bits contains everything.
CREATE FUNCTION filter_contains(filter bytea, hash bigint) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(filter) = 0 THEN true
        ELSE get_byte(substring(filter FROM ((hash & (octet_length(filter) * 8 - 1)) >> 3)::integer + 1 FOR 1), 0) >> (hash & 7)::integer & 1 = 1 END
$$;

-- As measured. With the former estimate a server that has `jit` on compiled every search, which takes longer than most of them.
ALTER FUNCTION json_of(text) COST 500;
