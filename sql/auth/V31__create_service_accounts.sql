-- Service accounts: what programs act as, with API tokens, in one team. They have a role and grants as members have, and cannot sign in.
-- A deleted one keeps its row, so that the audit log and deployments can name it, until its team is deleted.
CREATE TABLE service_accounts (
    id          uuid        PRIMARY KEY,
    team_id     uuid        NOT NULL REFERENCES teams ON DELETE CASCADE,
    name        text        NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    role        text        NOT NULL CHECK (role IN ('admin', 'developer', 'viewer', 'billing')),
    created_by  uuid        NOT NULL,
    created_at  timestamptz NOT NULL,
    disabled_at timestamptz,
    deleted_at  timestamptz
);
CREATE UNIQUE INDEX service_accounts_team_id_name ON service_accounts (team_id, name) WHERE deleted_at IS NULL;
CREATE INDEX service_accounts_team_id ON service_accounts (team_id);

CREATE TABLE service_account_grants (
    service_account_id uuid NOT NULL REFERENCES service_accounts ON DELETE CASCADE,
    application_id     uuid NOT NULL,
    environment        text,
    UNIQUE NULLS NOT DISTINCT (service_account_id, application_id, environment)
);

-- An API token acts for a user or for a service account.
ALTER TABLE api_tokens
    ALTER COLUMN user_id DROP NOT NULL,
    ADD COLUMN service_account_id uuid REFERENCES service_accounts ON DELETE CASCADE,
    ADD CONSTRAINT api_tokens_act_for_one CHECK (num_nonnulls(user_id, service_account_id) = 1);
CREATE UNIQUE INDEX api_tokens_service_account_id_name ON api_tokens (service_account_id, name) WHERE revoked_at IS NULL;
