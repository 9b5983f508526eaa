-- What a user may run, and the applications they have. The quota counts what is taken, so that two requests at once cannot both take the last place.

CREATE TABLE quotas (
    user_id           uuid PRIMARY KEY,
    applications      integer     NOT NULL CHECK (applications >= 0),
    applications_used integer     NOT NULL DEFAULT 0 CHECK (applications_used >= 0),
    memory_mib        integer     NOT NULL CHECK (memory_mib >= 0),
    granted_at        timestamptz NOT NULL,
    version           integer     NOT NULL DEFAULT 1
);

CREATE TABLE applications (
    id           uuid PRIMARY KEY,
    user_id      uuid        NOT NULL,
    name         text        NOT NULL CHECK (name ~ '^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$'),
    repository   text        NOT NULL CHECK (repository ~ '^https?://'),
    status       text        NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'destroying', 'destroyed')),
    releases     integer     NOT NULL DEFAULT 0 CHECK (releases >= 0),
    created_at   timestamptz NOT NULL,
    destroyed_at timestamptz,
    version      integer     NOT NULL DEFAULT 1
);

-- A name is a namespace and a host name: it is free again only when the objects that bore it are gone.
CREATE UNIQUE INDEX applications_name ON applications (name) WHERE status <> 'destroyed';
CREATE INDEX applications_of_user ON applications (user_id, id) WHERE status = 'active';
