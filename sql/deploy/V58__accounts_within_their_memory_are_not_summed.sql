-- Whether an account may have reserved more memory than its quota: reservations are checked against it, so only a lowered quota does that. An account
-- for which this is false needs no sum over its environments when it creates an application, however many it has. It becomes false again when such an
-- account is found within its quota (lock_restricted_quotas). A trigger sets it, so that the former version of Capsule does so too.
ALTER TABLE quotas ADD COLUMN may_exceed_memory boolean NOT NULL DEFAULT true;

CREATE FUNCTION note_lowered_memory() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.may_exceed_memory := true;
    RETURN NEW;
END
$$;
CREATE TRIGGER quotas_lowered_memory BEFORE UPDATE OF memory_mib ON quotas
    FOR EACH ROW WHEN (NEW.memory_mib < OLD.memory_mib) EXECUTE FUNCTION note_lowered_memory();

CREATE OR REPLACE FUNCTION lock_restricted_quotas(user_ids uuid[]) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM quotas WHERE user_id = ANY(user_ids) ORDER BY user_id FOR UPDATE;
    UPDATE quotas SET may_exceed_memory = false WHERE user_id = ANY(user_ids) AND may_exceed_memory AND memory_mib >= (
        SELECT coalesce(sum(reserved_memory_mib), 0) FROM environments JOIN applications a ON a.id = application_id WHERE a.user_id = quotas.user_id
    );
    RETURN QUERY
    SELECT user_id FROM quotas WHERE user_id = ANY(user_ids) AND (
        is_suspended OR exhausted <> '[]' OR applications_used > applications OR may_exceed_memory
    ) ORDER BY user_id;
END
$$;
