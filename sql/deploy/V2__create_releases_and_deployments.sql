-- A release is what can run again: it never changes. A deployment is a saga: its row says where it stands.

CREATE TABLE releases (
    id             uuid PRIMARY KEY,
    application_id uuid        NOT NULL REFERENCES applications,
    number         integer     NOT NULL CHECK (number > 0),
    image          text        NOT NULL CHECK (image ~ '@sha256:[0-9a-f]{64}$'),
    commit         text        NOT NULL CHECK (commit ~ '^[0-9a-f]{40,64}$'),
    kind           text        NOT NULL,
    config_version integer     NOT NULL DEFAULT 0 CHECK (config_version >= 0),
    manifest       jsonb       NOT NULL,
    created_at     timestamptz NOT NULL,
    UNIQUE (application_id, number)
);

CREATE FUNCTION refuse_to_change_a_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a release is immutable' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER releases_are_immutable BEFORE UPDATE ON releases FOR EACH ROW EXECUTE FUNCTION refuse_to_change_a_release();

CREATE TABLE deployments (
    id             uuid PRIMARY KEY,
    application_id uuid        NOT NULL REFERENCES applications,
    environment    text        NOT NULL CHECK (environment ~ '^[a-z][a-z0-9]{0,19}$'),
    ref            text,
    status         text        NOT NULL CHECK (status IN ('requested', 'building', 'releasing', 'succeeded', 'failed')),
    attempt        integer     NOT NULL DEFAULT 1 CHECK (attempt > 0),
    commit         text,
    release_id     uuid REFERENCES releases,
    url            text,
    reason         text,
    detail         text,
    correlation_id text        NOT NULL,
    requested_at   timestamptz NOT NULL,
    changed_at     timestamptz NOT NULL,
    deadline_at    timestamptz,
    finished_at    timestamptz,
    version        integer     NOT NULL DEFAULT 1,
    CHECK ((status IN ('succeeded', 'failed')) = (finished_at IS NOT NULL)),
    CHECK ((status = 'failed') = (reason IS NOT NULL)),
    CHECK (status <> 'succeeded' OR (release_id IS NOT NULL AND url IS NOT NULL))
);

CREATE UNIQUE INDEX deployments_one_running ON deployments (application_id, environment)
    WHERE status IN ('requested', 'building', 'releasing');
CREATE INDEX deployments_running ON deployments (changed_at) WHERE status IN ('requested', 'building', 'releasing');
CREATE INDEX deployments_of_application ON deployments (application_id, id);
CREATE INDEX deployments_succeeded ON deployments (application_id, environment, finished_at) WHERE status = 'succeeded';

CREATE TABLE deployment_steps (
    deployment_id uuid        NOT NULL REFERENCES deployments,
    step          text        NOT NULL CHECK (step IN ('requested', 'building', 'releasing')),
    started_at    timestamptz NOT NULL,
    finished_at   timestamptz,
    PRIMARY KEY (deployment_id, step)
);
