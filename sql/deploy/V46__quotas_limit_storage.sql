-- How many data services, volumes and backups an account may have, and how large they may be together. Accounts of paid plans get their
-- limits here as well, until billing has published the plans' own: nothing is refused meanwhile that was allowed.
ALTER TABLE quotas
    ADD COLUMN data_services integer NOT NULL DEFAULT 5 CHECK (data_services >= 0),
    ADD COLUMN data_services_mib integer NOT NULL DEFAULT 5120 CHECK (data_services_mib >= 0),
    ADD COLUMN volumes integer NOT NULL DEFAULT 5 CHECK (volumes >= 0),
    ADD COLUMN volumes_mib integer NOT NULL DEFAULT 2048 CHECK (volumes_mib >= 0),
    ADD COLUMN backups integer NOT NULL DEFAULT 100 CHECK (backups >= 0),
    ADD COLUMN backups_mib integer NOT NULL DEFAULT 5120 CHECK (backups_mib >= 0);
UPDATE quotas SET data_services = 25, data_services_mib = 51200, volumes = 50, volumes_mib = 102400, backups = 1000, backups_mib = 204800
    WHERE plan <> 'free';
