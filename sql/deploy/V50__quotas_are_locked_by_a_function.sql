-- Locks the quotas of a batch of commands, in the order of their keys. A function keeps its plan (docs/decisions/0055). What it locks is read by the next
-- statement, which sees what the former holders of the locks have committed.
CREATE FUNCTION lock_quotas(user_ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM quotas WHERE user_id = ANY(user_ids) ORDER BY user_id FOR UPDATE;
END
$$;
