-- Whether usage is measured: one row for the installation, as monitor's events say it. `missing_since` NULL: it is.
CREATE TABLE measurement (
    is_only       boolean     PRIMARY KEY DEFAULT true CHECK (is_only),
    missing_since timestamptz,
    changed_at    timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO measurement DEFAULT VALUES;
