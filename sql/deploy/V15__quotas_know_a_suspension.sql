-- While the subscription is suspended, nothing new is deployed.
ALTER TABLE quotas ADD COLUMN is_suspended boolean NOT NULL DEFAULT false;
