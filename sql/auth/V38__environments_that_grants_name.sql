-- Environments that users created or deleted, as deploy's events say. Staging and production are announced only when they are deleted, or created again.
CREATE TABLE application_environments (
    application_id  uuid        NOT NULL,
    environment     text        NOT NULL,
    is_deleted      boolean     NOT NULL,
    changed_at      timestamptz NOT NULL,
    PRIMARY KEY (application_id, environment)
);

-- Of an application that is older, environments may be missing above: nobody heard of them. An hour more, for what is created while an upgrade goes on.
-- A new installation has nothing that is older.
CREATE TABLE environments_known_since (
    at  timestamptz NOT NULL
);
INSERT INTO environments_known_since
SELECT CASE WHEN EXISTS (SELECT FROM users) THEN now() + interval '1 hour' ELSE 'epoch'::timestamptz END;
