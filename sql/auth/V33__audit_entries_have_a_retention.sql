-- Old entries of the audit log may be removed from its beginning, if the operator says so. A checkpoint keeps the sequence and the hash of the
-- last removed entry, so that what is left still verifies. Entries of the last 30 days are never removed, whatever a role that is not the
-- owner asks for.
CREATE TABLE audit_checkpoints (
    sequence    bigint      PRIMARY KEY CHECK (sequence > 0),
    hash        bytea       NOT NULL CHECK (length(hash) = 32),
    created_at  timestamptz NOT NULL
);

CREATE FUNCTION check_audit_checkpoint() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM audit_log WHERE sequence = NEW.sequence AND hash = NEW.hash) THEN
        RAISE EXCEPTION 'audit_checkpoints: there is no entry % with this hash', NEW.sequence USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF EXISTS (SELECT FROM audit_log WHERE sequence <= NEW.sequence AND at > clock_timestamp() - interval '30 days') THEN
        RAISE EXCEPTION 'audit_checkpoints: entries up to % are of the last 30 days', NEW.sequence USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER audit_checkpoints_name_old_entries BEFORE INSERT ON audit_checkpoints FOR EACH ROW EXECUTE FUNCTION check_audit_checkpoint();
CREATE TRIGGER audit_checkpoints_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.sequence > coalesce((SELECT max(sequence) FROM audit_checkpoints), 0) THEN
        RAISE EXCEPTION 'audit_log is append-only: entry % is behind the last checkpoint', OLD.sequence USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
END
$$;
DROP TRIGGER audit_log_is_append_only ON audit_log;
CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_log_is_removed_from_its_begin BEFORE DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse_removal();
