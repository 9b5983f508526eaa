-- What limits count: rows outlive the team and the invitation, so that deleting one does not make room for the next.
CREATE TABLE created_teams (
    team_id     uuid        PRIMARY KEY,
    user_id     uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at  timestamptz NOT NULL
);
CREATE INDEX created_teams_user_id ON created_teams (user_id);

INSERT INTO created_teams (team_id, user_id, created_at)
SELECT DISTINCT ON (teams.id) teams.id, team_members.user_id, teams.created_at
FROM teams JOIN team_members ON team_members.team_id = teams.id AND team_members.joined_at = teams.created_at
ORDER BY teams.id, team_members.id;

-- Deleted by age only. `address_hash`: SHA-256 of the invited address.
CREATE TABLE sent_invitations (
    id            uuid        PRIMARY KEY,
    invited_by    uuid        NOT NULL,
    address_hash  bytea       NOT NULL CHECK (length(address_hash) = 32),
    sent_at       timestamptz NOT NULL
);
CREATE INDEX sent_invitations_invited_by ON sent_invitations (invited_by, sent_at);
CREATE INDEX sent_invitations_address_hash ON sent_invitations (address_hash, sent_at);
CREATE INDEX sent_invitations_sent_at ON sent_invitations (sent_at);

INSERT INTO sent_invitations (id, invited_by, address_hash, sent_at)
SELECT id, invited_by, sha256(convert_to(email, 'UTF8')), created_at FROM team_invitations;

DROP INDEX team_invitations_invited_by;
