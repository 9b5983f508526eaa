-- How the last backup of the installation ended. `./taskw backup` writes the only row, and the health query reads it.
CREATE TABLE installation_backups (
    is_last      boolean     PRIMARY KEY DEFAULT true CHECK (is_last),
    began_at     timestamptz NOT NULL,
    has_failed   boolean     NOT NULL,
    last_good_at timestamptz
);
