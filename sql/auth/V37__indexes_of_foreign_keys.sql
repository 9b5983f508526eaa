-- Deleting a user looks for the rows that refer to it.
CREATE INDEX device_authorizations_user_id ON device_authorizations (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX provider_logins_user_id ON provider_logins (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX passkey_challenges_user_id ON passkey_challenges (user_id) WHERE user_id IS NOT NULL;
