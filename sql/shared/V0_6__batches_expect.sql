-- What a batch expects of the database (functions/runtime/execution/batches.py): statements that fail unless it is so, so that nothing has to be read
-- before the commit (docs/decisions/0077). Whatever fails is rolled back and done again step by step; these errors are no faults.
-- U0001: a message is not claimed. U0002: there are rows where hardly ever are any.

CREATE FUNCTION require_claim(
    source text, id text, function text, body_hash bytea, session_id uuid, subject text, sequence bigint
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO inbox (source, id, function, body_hash)
    VALUES (require_claim.source, require_claim.id, require_claim.function, require_claim.body_hash) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'message % was recorded before, and is answered again', require_claim.id USING ERRCODE = 'U0001';
    END IF;
    IF require_claim.subject IS NOT NULL THEN
        INSERT INTO positions (function, subject, sequence) VALUES (require_claim.function, require_claim.subject, require_claim.sequence)
        ON CONFLICT (function, subject) DO UPDATE SET sequence = excluded.sequence WHERE positions.sequence < excluded.sequence;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'an event newer than message % was applied before, and the message is skipped', require_claim.id USING ERRCODE = 'U0001';
        END IF;
    END IF;
    IF require_claim.session_id IS NOT NULL THEN
        PERFORM FROM revoked_sessions WHERE session_id = require_claim.session_id;
        IF FOUND THEN
            RAISE EXCEPTION 'the session of message % has ended, and the message is refused', require_claim.id USING ERRCODE = 'U0001';
        END IF;
    END IF;
END
$$;

CREATE FUNCTION require_claims(claims json, events json) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM claim_messages(claims)) <> json_array_length(claims) THEN
        RAISE EXCEPTION 'a message of % was recorded before, or its session has ended: they are claimed first', json_array_length(claims)
            USING ERRCODE = 'U0001';
    END IF;
    IF (SELECT count(*) FROM advance_positions(events)) <> json_array_length(events) THEN
        RAISE EXCEPTION 'an event newer than one of % was applied before: they are claimed first', json_array_length(events) USING ERRCODE = 'U0001';
    END IF;
END
$$;

CREATE FUNCTION require_no_rows() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'there are rows, and they are read first' USING ERRCODE = 'U0002';
END
$$;
