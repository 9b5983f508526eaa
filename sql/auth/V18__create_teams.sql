-- Teams, their members, what members may do beyond their role, invitations, and applications as the events of deploy report them.
-- The personal team of a user has the user's id and no row. Roles are functions/kernel/permissions.py's.
CREATE TABLE teams (
    id          uuid        PRIMARY KEY,
    name        text        NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    email       text        NOT NULL,
    created_at  timestamptz NOT NULL
);

CREATE TABLE team_members (
    id         uuid        PRIMARY KEY,
    team_id    uuid        NOT NULL REFERENCES teams ON DELETE CASCADE,
    user_id    uuid        NOT NULL REFERENCES users,
    role       text        NOT NULL CHECK (role IN ('owner', 'admin', 'developer', 'viewer', 'billing')),
    joined_at  timestamptz NOT NULL,
    UNIQUE (team_id, user_id)
);
CREATE INDEX team_members_user_id ON team_members (user_id);

CREATE TABLE grants (
    member_id       uuid NOT NULL REFERENCES team_members ON DELETE CASCADE,
    application_id  uuid NOT NULL,
    environment     text,
    UNIQUE NULLS NOT DISTINCT (member_id, application_id, environment)
);

CREATE TABLE team_invitations (
    id          uuid        PRIMARY KEY,
    team_id     uuid        NOT NULL REFERENCES teams ON DELETE CASCADE,
    email       text        NOT NULL,
    role        text        NOT NULL CHECK (role IN ('owner', 'admin', 'developer', 'viewer', 'billing')),
    invited_by  uuid        NOT NULL,
    token_hash  bytea       NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL CHECK (expires_at > created_at),
    UNIQUE (team_id, email)
);
CREATE INDEX team_invitations_expires_at ON team_invitations (expires_at);
CREATE INDEX team_invitations_invited_by ON team_invitations (invited_by);

CREATE TABLE team_applications (
    application_id  uuid    PRIMARY KEY,
    team_id         uuid    NOT NULL REFERENCES teams ON DELETE CASCADE,
    is_deleted      boolean NOT NULL
);
CREATE INDEX team_applications_team_id ON team_applications (team_id) WHERE NOT is_deleted;
