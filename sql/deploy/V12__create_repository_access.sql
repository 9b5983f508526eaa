-- Credentials of private repositories: a deploy key for ssh, an access token for https, and the known keys of ssh servers.
-- Private keys and tokens are sealed with the context's key.

CREATE TABLE repository_access (
    application_id     uuid        PRIMARY KEY REFERENCES applications,
    public_key         text,
    sealed_private_key text,
    key_created_at     timestamptz,
    token_server       text,
    token_user         text,
    sealed_token       text,
    token_set_at       timestamptz,
    host_keys          text[]      NOT NULL DEFAULT '{}',
    CHECK (num_nulls(public_key, sealed_private_key, key_created_at) IN (0, 3)),
    CHECK (num_nulls(token_server, token_user, sealed_token, token_set_at) IN (0, 4))
);
