-- Of which users the audit log stores no personal data any more. The entry that records an erasure is removed after the retention of the log, and a
-- record that arrives after that (an event that was a dead letter) must not bring the data back. An id alone says nothing about a person.
CREATE TABLE audit_erasures (
    user_id    uuid        PRIMARY KEY,
    erased_at  timestamptz NOT NULL
);
INSERT INTO audit_erasures (user_id, erased_at)
SELECT substr(target, 7)::uuid, min(at) FROM audit_log WHERE function = 'auth.on_user_deleted' AND target LIKE 'users/%' GROUP BY target;
CREATE TRIGGER audit_erasures_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_erasures FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
