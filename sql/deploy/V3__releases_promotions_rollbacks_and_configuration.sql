-- Environments by name, each with its size; configuration by version; deployments that roll back.

ALTER TABLE applications
    ADD COLUMN config_version  integer NOT NULL DEFAULT 0 CHECK (config_version >= 0),
    ADD COLUMN health_path     text CHECK (health_path ~ '^/[!-~]{0,199}$'),
    ADD COLUMN release_command text CHECK (length(release_command) BETWEEN 1 AND 1000);

-- Staging and production have a row once something was said of them.
CREATE TABLE environments (
    application_id      uuid        NOT NULL REFERENCES applications,
    name                text        NOT NULL CHECK (name ~ '^[a-z][a-z0-9]{0,19}$'),
    created_at          timestamptz NOT NULL,
    min_scale           integer     NOT NULL DEFAULT 0 CHECK (min_scale >= 0),
    max_scale           integer     NOT NULL DEFAULT 1 CHECK (max_scale >= 1 AND max_scale >= min_scale),
    memory_mib          integer     NOT NULL DEFAULT 512 CHECK (memory_mib > 0),
    cpu_millis          integer     NOT NULL DEFAULT 1000 CHECK (cpu_millis > 0),
    observation_seconds integer     CHECK (observation_seconds >= 0),
    memory_taken_mib    integer     NOT NULL DEFAULT 0 CHECK (memory_taken_mib >= 0),
    destroyed_at        timestamptz,
    PRIMARY KEY (application_id, name),
    CHECK (destroyed_at IS NULL OR memory_taken_mib = 0)
);

-- An entry counts from the version that set it until the version that ended it. Scope '' is the whole application. Secrets are sealed with the
-- context's key; nothing in this database opens them.
CREATE TABLE config_entries (
    application_id uuid        NOT NULL REFERENCES applications,
    scope          text        NOT NULL,
    name           text        NOT NULL CHECK (name ~ '^[A-Za-z_][A-Za-z0-9_]{0,127}$'),
    since          integer     NOT NULL CHECK (since > 0),
    until          integer     CHECK (until > since),
    value          text,
    sealed         text        CHECK (sealed LIKE 'sealed:%'),
    at             timestamptz NOT NULL,
    PRIMARY KEY (application_id, scope, name, since),
    CHECK ((value IS NULL) <> (sealed IS NULL))
);
CREATE UNIQUE INDEX config_entries_one_now ON config_entries (application_id, scope, name) WHERE until IS NULL;

ALTER TABLE releases ADD COLUMN command text CHECK (length(command) BETWEEN 1 AND 1000);

ALTER TABLE deployments
    ADD COLUMN cause          text    NOT NULL DEFAULT 'deploy' CHECK (cause IN ('deploy', 'promotion', 'rollback', 'configuration', 'scale')),
    ADD COLUMN terms          jsonb   NOT NULL DEFAULT '{}',
    ADD COLUMN previous_id    uuid    REFERENCES deployments,
    ADD COLUMN revision       text,
    ADD COLUMN rolled_back_to integer CHECK (rolled_back_to > 0),
    ADD COLUMN requests       integer NOT NULL DEFAULT 0 CHECK (requests >= 0),
    ADD COLUMN errors         integer NOT NULL DEFAULT 0 CHECK (errors >= 0),
    DROP CONSTRAINT deployments_status_check,
    DROP CONSTRAINT deployments_check,
    DROP CONSTRAINT deployments_check1,
    ADD CONSTRAINT deployments_status CHECK (status IN ('requested', 'building', 'preparing', 'releasing', 'observing', 'rolling-back',
                                                        'succeeded', 'failed', 'cancelled', 'rolled-back')),
    ADD CONSTRAINT deployments_finished CHECK ((status IN ('succeeded', 'failed', 'cancelled', 'rolled-back')) = (finished_at IS NOT NULL)),
    ADD CONSTRAINT deployments_reason CHECK ((status IN ('rolling-back', 'failed', 'cancelled', 'rolled-back')) = (reason IS NOT NULL)),
    ADD CONSTRAINT deployments_rolled_back CHECK (status NOT IN ('rolling-back', 'rolled-back') OR rolled_back_to IS NOT NULL);

DROP INDEX deployments_one_running, deployments_running;
CREATE UNIQUE INDEX deployments_one_running ON deployments (application_id, environment) WHERE finished_at IS NULL;
CREATE INDEX deployments_running ON deployments (changed_at) WHERE finished_at IS NULL;
CREATE INDEX deployments_observed ON deployments (id) WHERE status = 'observing';

ALTER TABLE deployment_steps
    DROP CONSTRAINT deployment_steps_step_check,
    ADD CONSTRAINT deployment_steps_step CHECK (step IN ('requested', 'building', 'preparing', 'releasing', 'observing', 'rolling-back'));
