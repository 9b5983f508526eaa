-- When the application was last transferred, as far as is known: an older transfer that arrives late does not set the owner.
ALTER TABLE applications ADD COLUMN transferred_at timestamptz;
