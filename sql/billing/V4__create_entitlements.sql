-- What a plan allows, beside what it includes: other contexts hear of it in events and keep to it. A version of a plan never changes, so what
-- was not said of it when it was added stands in a table of its own.

CREATE TABLE entitlements (
    plan_code     text        NOT NULL,
    plan_version  integer     NOT NULL,
    applications  integer     NOT NULL CHECK (applications >= 0),
    memory_mib    integer     NOT NULL CHECK (memory_mib >= 0),
    PRIMARY KEY (plan_code, plan_version),
    FOREIGN KEY (plan_code, plan_version) REFERENCES plans (code, version)
);

INSERT INTO plans (code, version, name, fee, currency, offered_from) VALUES ('business', 1, 'Business', 10000, 'EUR', '2024-01-01T00:00:00Z');

INSERT INTO prices (plan_code, plan_version, meter, included) VALUES
    ('business', 1, 'requests',         20000000),
    ('business', 1, 'cpu_milliseconds', 1800000000);   -- five hundred hours of one core

INSERT INTO price_tiers (plan_code, plan_version, meter, position, up_to, amount, per) VALUES
    ('business', 1, 'requests',         1, 100000000, 30, 1000000),
    ('business', 1, 'requests',         2, NULL,      20, 1000000),
    ('business', 1, 'cpu_milliseconds', 1, NULL,      6,  3600000);

INSERT INTO entitlements (plan_code, plan_version, applications, memory_mib) VALUES
    ('free',     1, 5,   2560),
    ('pro',      1, 25,  16384),
    ('business', 1, 100, 131072);

CREATE TRIGGER entitlements_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON entitlements EXECUTE FUNCTION refuse_change();
