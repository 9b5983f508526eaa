-- The audit log: a chain of entries, each with the hash of the one before it (functions/auth/domain/audit.py). Append-only.
CREATE TABLE audit_log (
    sequence    bigint      PRIMARY KEY CHECK (sequence > 0),
    id          uuid        NOT NULL UNIQUE,
    at          timestamptz NOT NULL,
    user_id     uuid,
    function    text        NOT NULL,
    target      text        NOT NULL,
    content     text        NOT NULL,        -- canonical JSON (RFC 8785) of the entry; the columns before are copies, for the list's filters
    hash        bytea       NOT NULL CHECK (hash = sha256(convert_to(content, 'UTF8')))
);
CREATE INDEX audit_log_user ON audit_log (user_id, sequence);
CREATE INDEX audit_log_function ON audit_log (function text_pattern_ops, sequence);
CREATE INDEX audit_log_target ON audit_log (target text_pattern_ops, sequence);
CREATE INDEX audit_log_at ON audit_log (at);

-- Personal data of entries: deleted with the user's account. An entry has a digest of salt and content.
CREATE TABLE audit_personal (
    sequence    bigint      PRIMARY KEY REFERENCES audit_log,
    salt        bytea       NOT NULL CHECK (length(salt) = 32),
    content     text        NOT NULL
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_personal_is_not_changed BEFORE UPDATE OR TRUNCATE ON audit_personal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
