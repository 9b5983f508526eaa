-- Of environments that were deleted before, nobody heard: they count as existing. Names without a time are older than any event.
ALTER TABLE environments
    ADD COLUMN is_deleted boolean NOT NULL DEFAULT false,
    ADD COLUMN changed_at timestamptz NOT NULL DEFAULT '-infinity';
