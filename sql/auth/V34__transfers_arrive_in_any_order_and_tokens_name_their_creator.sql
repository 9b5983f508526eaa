-- When the application was last transferred, as far as is known: an older transfer that arrives late does not set the team.
ALTER TABLE team_applications ADD COLUMN transferred_at timestamptz;

-- Who created the token of a service account, and knows it. Unknown for tokens of before. A user's own tokens name nobody else.
ALTER TABLE api_tokens ADD COLUMN created_by uuid;
