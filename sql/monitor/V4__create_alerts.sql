-- What owners want to be told of, what there was to tell, and what was told to whom.

-- Where to reach a user: the newest address that auth has stated.
CREATE TABLE addresses (
    user_id  uuid        PRIMARY KEY,
    email    text        NOT NULL,
    said_at  timestamptz NOT NULL
);

CREATE TABLE alert_rules (
    id              uuid             PRIMARY KEY,
    application_id  uuid             NOT NULL,
    kind            text             NOT NULL CHECK (kind IN ('deployment-failed', 'deployment-rolled-back', 'error-rate', 'latency')),
    environment     text,
    threshold       double precision CHECK ((threshold IS NOT NULL) = (kind IN ('error-rate', 'latency'))),
    window_length   interval         NOT NULL CHECK (window_length > interval '0'),
    lasting         interval         NOT NULL CHECK (lasting >= interval '0'),
    least           bigint           NOT NULL,
    preset          boolean          NOT NULL,
    created_at      timestamptz      NOT NULL,
    deleted_at      timestamptz
);
-- A preset that was deleted stays deleted: its row keeps it from being made again.
CREATE UNIQUE INDEX alert_rules_preset ON alert_rules (application_id, kind) WHERE preset;
CREATE INDEX alert_rules_application ON alert_rules (application_id) WHERE deleted_at IS NULL;

INSERT INTO alert_rules (id, application_id, kind, threshold, window_length, lasting, least, preset, created_at)
SELECT gen_random_uuid(), applications.id, preset.kind, preset.threshold, '5 minutes', '0', preset.least, true, now()
FROM applications, (VALUES ('deployment-failed', NULL, 1), ('deployment-rolled-back', NULL, 1), ('error-rate', 0.05, 10)) AS preset (kind, threshold, least)
WHERE destroyed_at IS NULL;

CREATE TABLE alerts (
    id               uuid             PRIMARY KEY,
    application_id   uuid             NOT NULL,
    rule_id          uuid             NOT NULL,
    incident         text             NOT NULL,
    kind             text             NOT NULL,
    environment      text             NOT NULL,
    state            text             NOT NULL CHECK (state IN ('pending', 'firing', 'resolved')),
    summary          text             NOT NULL,
    began_at         timestamptz      NOT NULL,
    turn             integer          NOT NULL,
    value            double precision,
    threshold        double precision,
    deployment_id    uuid,
    correlation_id   text,
    occurrences      integer          NOT NULL,
    fired_at         timestamptz,
    resolved_at      timestamptz,
    acknowledged_at  timestamptz,
    acknowledged_by  uuid,
    told             text             CHECK (told IN ('firing', 'resolved')),
    told_at          timestamptz,
    closed           boolean          NOT NULL,
    CHECK (NOT closed OR state = 'resolved'),
    CHECK ((state = 'resolved') = (resolved_at IS NOT NULL)),
    CHECK (state <> 'firing' OR fired_at IS NOT NULL)
);
-- One incident is one alert, as long as it is not over for good.
CREATE UNIQUE INDEX alerts_incident ON alerts (incident) WHERE NOT closed;
CREATE INDEX alerts_open ON alerts (application_id) WHERE NOT closed;
CREATE INDEX alerts_application ON alerts (application_id, id);

-- Signed webhooks (standardwebhooks.com). Mail to the owner needs no row.
CREATE TABLE alert_channels (
    id              uuid        PRIMARY KEY,
    application_id  uuid        NOT NULL,
    url             text        NOT NULL,
    secret          text        NOT NULL,
    created_at      timestamptz NOT NULL,
    deleted_at      timestamptz
);
CREATE INDEX alert_channels_application ON alert_channels (application_id) WHERE deleted_at IS NULL;

-- The intent of telling somebody, frozen, and what became of it.
CREATE TABLE alert_deliveries (
    id              uuid        PRIMARY KEY,
    application_id  uuid        NOT NULL,
    channel_id      uuid,                       -- null: mail to the owner
    target          text        NOT NULL,
    notice          text        NOT NULL CHECK (notice IN ('firing', 'resolved', 'test')),
    content         jsonb       NOT NULL,
    created_at      timestamptz NOT NULL,
    state           text        NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts        integer     NOT NULL DEFAULT 0,
    answer          text        NOT NULL DEFAULT '',
    finished_at     timestamptz
);
CREATE INDEX alert_deliveries_application ON alert_deliveries (application_id, id);
