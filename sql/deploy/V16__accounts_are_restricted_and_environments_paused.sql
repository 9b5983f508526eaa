-- An account is restricted while it is suspended, has used all that its plan includes, or uses more than its plan allows.
-- Nothing new starts then. After a grace period, environments are paused.
ALTER TABLE quotas
    ADD COLUMN plan text NOT NULL DEFAULT 'free',
    ADD COLUMN exhausted jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN renews_at timestamptz,
    ADD COLUMN restriction text CHECK (restriction IN ('subscription-suspended', 'usage-exhausted', 'over-quota')),
    ADD COLUMN restricted_at timestamptz,
    ADD COLUMN pauses_at timestamptz,
    ADD COLUMN is_paused boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT quotas_restriction_is_whole CHECK (
        (restriction IS NULL) = (restricted_at IS NULL) AND (restriction IS NULL) = (pauses_at IS NULL) AND (restriction IS NOT NULL OR NOT is_paused)
    );
COMMENT ON COLUMN quotas.exhausted IS 'Meters of which all that the plan includes is used until renews_at: [{meter, included}].';
CREATE INDEX quotas_to_pause ON quotas (pauses_at) WHERE restriction IS NOT NULL AND NOT is_paused;

ALTER TABLE environments
    ADD COLUMN paused_at timestamptz,
    ADD COLUMN pause_reason text CHECK (pause_reason IN ('subscription-suspended', 'usage-exhausted', 'over-quota')),
    ADD CONSTRAINT environments_pause_is_whole CHECK ((paused_at IS NULL) = (pause_reason IS NULL));
