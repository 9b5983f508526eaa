-- A delivery is an operation that clients follow: the version orders its states. Deliveries of before have their first one.
ALTER TABLE webhook_deliveries ADD COLUMN version integer NOT NULL DEFAULT 1 CHECK (version > 0);
