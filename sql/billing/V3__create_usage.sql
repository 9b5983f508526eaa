-- Measured use. A record's id makes it count once; the sums by hour are what bills are made of, and stay.

CREATE TABLE usage_records (
    id                uuid        PRIMARY KEY,
    user_id           uuid        NOT NULL,
    application_id    uuid        NOT NULL,
    environment       text        NOT NULL,
    window_from       timestamptz NOT NULL,
    window_to         timestamptz NOT NULL,
    requests          bigint      NOT NULL CHECK (requests >= 0),
    cpu_milliseconds  bigint      NOT NULL CHECK (cpu_milliseconds >= 0),
    CHECK (window_from <= window_to)
);
CREATE INDEX usage_records_window_from ON usage_records (window_from);

CREATE TABLE usage_hours (
    user_id           uuid        NOT NULL,
    hour              timestamptz NOT NULL,
    application_id    uuid        NOT NULL,
    environment       text        NOT NULL,
    requests          bigint      NOT NULL,
    cpu_milliseconds  bigint      NOT NULL,
    PRIMARY KEY (user_id, hour, application_id, environment)
);
