-- The plans Capsule comes with. The free plan charges nothing, whatever is used: its quotas stop work instead.

INSERT INTO plans (code, version, name, fee, currency, offered_from) VALUES
    ('free', 1, 'Free', 0,    'EUR', '2024-01-01T00:00:00Z'),
    ('pro',  1, 'Pro',  2000, 'EUR', '2024-01-01T00:00:00Z');

INSERT INTO prices (plan_code, plan_version, meter, included) VALUES
    ('free', 1, 'requests',         100000),
    ('free', 1, 'cpu_milliseconds', 3600000),          -- one hour of one core
    ('pro',  1, 'requests',         2000000),
    ('pro',  1, 'cpu_milliseconds', 180000000);        -- fifty hours of one core

INSERT INTO price_tiers (plan_code, plan_version, meter, position, up_to, amount, per) VALUES
    ('free', 1, 'requests',         1, NULL,     0,  1000000),
    ('free', 1, 'cpu_milliseconds', 1, NULL,     0,  3600000),
    ('pro',  1, 'requests',         1, 10000000, 40, 1000000),
    ('pro',  1, 'requests',         2, NULL,     30, 1000000),
    ('pro',  1, 'cpu_milliseconds', 1, NULL,     8,  3600000);
