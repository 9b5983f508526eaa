-- Who asked for a deployment: a user or a service account. Null: Capsule itself, or a deployment of before.
ALTER TABLE deployments ADD COLUMN started_by uuid;
