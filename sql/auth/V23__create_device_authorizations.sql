-- Sign-ins of devices by a code that a user confirms in a browser (RFC 8628). Only the hash of the device code is stored.
CREATE TABLE device_authorizations (
    id               uuid        PRIMARY KEY,
    device_code_hash bytea       NOT NULL UNIQUE CHECK (length(device_code_hash) = 32),
    user_code        text        NOT NULL CONSTRAINT device_authorizations_user_code_key UNIQUE CHECK (user_code ~ '^[A-Z]{8}$'),
    address          text        NOT NULL CHECK (length(address) <= 64),
    user_agent       text        NOT NULL CHECK (length(user_agent) <= 512),
    created_at       timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL CHECK (expires_at > created_at),
    interval_seconds integer     NOT NULL CHECK (interval_seconds > 0),
    polled_at        timestamptz,
    decision         text        CHECK (decision IN ('approved', 'denied')),
    user_id          uuid        REFERENCES users ON DELETE CASCADE,
    authenticated_at timestamptz,
    methods          text[]      NOT NULL,
    redeemed_at      timestamptz,
    CHECK ((decision IS NULL) = (user_id IS NULL)),
    CHECK (decision IS DISTINCT FROM 'approved' OR (authenticated_at IS NOT NULL AND cardinality(methods) > 0)),
    CHECK (redeemed_at IS NULL OR decision = 'approved')
);
CREATE INDEX device_authorizations_over ON device_authorizations (expires_at);
