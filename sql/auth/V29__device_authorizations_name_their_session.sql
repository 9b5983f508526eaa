-- The session that approved a device: the device signs in only while it is active. A code that was approved before this migration is denied.
ALTER TABLE device_authorizations ADD COLUMN session_id uuid;
