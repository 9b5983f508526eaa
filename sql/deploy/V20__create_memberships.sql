-- Teams and their members as this context knows them from events of auth. The personal team of a user has the user's id and no rows.
CREATE TABLE teams (
    id    uuid  PRIMARY KEY,
    name  text  NOT NULL
);

CREATE TABLE memberships (
    id       uuid   PRIMARY KEY,
    team_id  uuid   NOT NULL,
    user_id  uuid   NOT NULL,
    role     text   NOT NULL,
    grants   jsonb  NOT NULL,
    UNIQUE (team_id, user_id)
);
CREATE INDEX memberships_user_id ON memberships (user_id);
