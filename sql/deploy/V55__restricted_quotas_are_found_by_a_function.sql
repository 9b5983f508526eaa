-- Locks the quotas of several users and returns the users who may start nothing new (domain/quota.py, `restriction`). The second statement sees what
-- the former holders of the locks have committed. A function, so that the server keeps its plans (docs/decisions/0055).
CREATE FUNCTION lock_restricted_quotas(user_ids uuid[]) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM quotas WHERE user_id = ANY(user_ids) ORDER BY user_id FOR UPDATE;
    RETURN QUERY
    SELECT user_id FROM quotas WHERE user_id = ANY(user_ids) AND (
        is_suspended OR exhausted <> '[]' OR applications_used > applications OR memory_mib < (
            SELECT coalesce(sum(reserved_memory_mib), 0) FROM environments JOIN applications a ON a.id = application_id WHERE a.user_id = quotas.user_id
        )
    ) ORDER BY user_id;
END
$$;
