-- Who created a webhook (NULL: before this release), and a second replaced secret, for two rotations within a day.
ALTER TABLE webhooks
    ADD COLUMN created_by                uuid,
    ADD COLUMN oldest_secret             text,
    ADD COLUMN oldest_secret_expires_at  timestamptz,
    ADD CONSTRAINT webhooks_oldest_secret_expires CHECK ((oldest_secret IS NULL) = (oldest_secret_expires_at IS NULL));

CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (webhook_id) WHERE state = 'pending';
