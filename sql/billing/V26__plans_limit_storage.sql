-- How many data services, volumes and backups a plan allows, and how large they may be together. A version of a plan never changes, so what was
-- not stated of it when it was added is in a table of its own.
CREATE TABLE storage_entitlements (
    plan_code          text     NOT NULL,
    plan_version       integer  NOT NULL,
    data_services      integer  NOT NULL CHECK (data_services >= 0),
    data_services_mib  integer  NOT NULL CHECK (data_services_mib >= 0),
    volumes            integer  NOT NULL CHECK (volumes >= 0),
    volumes_mib        integer  NOT NULL CHECK (volumes_mib >= 0),
    backups            integer  NOT NULL CHECK (backups >= 0),
    backups_mib        integer  NOT NULL CHECK (backups_mib >= 0),
    PRIMARY KEY (plan_code, plan_version),
    FOREIGN KEY (plan_code, plan_version) REFERENCES plans (code, version)
);

INSERT INTO storage_entitlements (plan_code, plan_version, data_services, data_services_mib, volumes, volumes_mib, backups, backups_mib)
SELECT plans.code, version, data_services, data_services_mib, volumes, volumes_mib, backups, backups_mib
FROM plans JOIN (
    VALUES
        ('free',     5,   5120,   5,   2048,    100,   5120),
        ('pro',      25,  51200,  50,  102400,  1000,  204800),
        ('business', 100, 512000, 200, 1048576, 10000, 2097152)
) AS limits (code, data_services, data_services_mib, volumes, volumes_mib, backups, backups_mib)
ON limits.code = CASE WHEN plans.code IN ('free', 'pro') THEN plans.code ELSE 'business' END;   -- plans of an operator have the largest

CREATE TRIGGER storage_entitlements_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON storage_entitlements EXECUTE FUNCTION refuse_change();

-- Other contexts are informed of the new limits within the next housekeeping runs.
UPDATE subscriptions SET is_announced = false WHERE status <> 'ended';
