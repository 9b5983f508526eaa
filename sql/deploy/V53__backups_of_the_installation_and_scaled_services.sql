-- How the last backup of the installation ended. `./taskw backup` writes the only row, and the health query reads it.
CREATE TABLE installation_backups (
    is_last      boolean     PRIMARY KEY DEFAULT true CHECK (is_last),
    began_at     timestamptz NOT NULL,
    has_failed   boolean     NOT NULL,
    last_good_at timestamptz
);

-- While a data service moves to the server of another plan.
ALTER TABLE data_services
    ADD COLUMN scaling_plan text,
    ADD COLUMN scaling_requested_at timestamptz,
    ADD CONSTRAINT data_services_scaling CHECK ((scaling_plan IS NULL) = (scaling_requested_at IS NULL));
