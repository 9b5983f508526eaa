-- Whether a collector reports usage: one row for the installation. `missing_since`: since when nothing has arrived, if that was published.
CREATE TABLE collection (
    is_only       boolean     PRIMARY KEY DEFAULT true CHECK (is_only),
    reported_at   timestamptz NOT NULL DEFAULT now(),
    missing_since timestamptz
);
INSERT INTO collection DEFAULT VALUES;
