-- Webhooks of teams (standardwebhooks.com) and what was sent to them. `user_id` is the team. Secrets are sealed.
CREATE TABLE webhooks (
    id                          uuid         PRIMARY KEY,
    user_id                     uuid         NOT NULL,
    url                         text         NOT NULL,
    event_types                 text[]       NOT NULL,
    description                 text         NOT NULL,
    secret                      text         NOT NULL,
    previous_secret             text,                     -- signed with too until it expires
    previous_secret_expires_at  timestamptz,
    failing_since               timestamptz,
    disabled_at                 timestamptz,
    disabled_reason             text         CHECK (disabled_reason IN ('by-user', 'failing', 'gone')),
    created_at                  timestamptz  NOT NULL,
    CHECK ((previous_secret IS NULL) = (previous_secret_expires_at IS NULL)),
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
);
CREATE INDEX webhooks_user_id ON webhooks (user_id);

CREATE TABLE webhook_deliveries (
    id               uuid         PRIMARY KEY,            -- `webhook-id` of all attempts
    webhook_id       uuid         NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    payload          jsonb        NOT NULL,
    created_at       timestamptz  NOT NULL,
    state            text         NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts         integer      NOT NULL,
    retries          integer      NOT NULL,
    next_attempt_at  timestamptz,
    response         text         NOT NULL,
    finished_at      timestamptz,
    CHECK ((state = 'pending') = (finished_at IS NULL)),
    CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL))
);
CREATE INDEX webhook_deliveries_webhook_id ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_created_at ON webhook_deliveries (created_at);
CREATE INDEX webhook_deliveries_overdue ON webhook_deliveries (next_attempt_at) WHERE state = 'pending';
