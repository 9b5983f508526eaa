-- The size that a volume is to have, until it has it. With an error: the size that it could not get. NULL: no change of its size is open.
ALTER TABLE volumes ADD COLUMN requested_size_mib integer;
