-- What a measured rule does when there is nothing to measure: keep the alert's state, resolve it, or fire.
ALTER TABLE alert_rules ADD COLUMN no_data text NOT NULL DEFAULT 'keep' CHECK (no_data IN ('keep', 'resolve', 'fire'));
CREATE INDEX alert_rules_fire_without_data ON alert_rules (created_at) WHERE no_data = 'fire' AND deleted_at IS NULL;

-- Contexts count their dead letters only while they have some: silence is good news there, as before.
UPDATE alert_rules SET no_data = 'resolve' WHERE kind IN ('dead-letters', 'dead-letter-age', 'events-given-up');
