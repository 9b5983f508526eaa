-- The runtime's statements of a batch (functions/runtime/execution/batches.py) as functions: their plans are kept for as long as a connection to the
-- server lasts, also behind PgBouncer. As plain statements they were parsed and planned for each batch. A name of a column is never that of a variable.

CREATE FUNCTION claim_messages(claims json) RETURNS TABLE (source text, id text, function text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    INSERT INTO inbox (source, id, function, body_hash)
    SELECT claimed.source, claimed.id, claimed.function, decode(claimed.body_hash, 'hex')
    FROM json_to_recordset(claims) AS claimed (source text, id text, function text, body_hash text, session_id uuid)
    WHERE NOT EXISTS (SELECT FROM revoked_sessions WHERE revoked_sessions.session_id = claimed.session_id)
    ORDER BY claimed.source, claimed.id, claimed.function
    ON CONFLICT DO NOTHING RETURNING inbox.source, inbox.id, inbox.function;
END
$$;

CREATE FUNCTION advance_positions(events json) RETURNS TABLE (function text, subject text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    INSERT INTO positions (function, subject, sequence)
    SELECT event.function, event.subject, event.sequence FROM json_to_recordset(events) AS event (function text, subject text, sequence bigint)
    ORDER BY event.function, event.subject
    ON CONFLICT (function, subject) DO UPDATE SET sequence = excluded.sequence WHERE positions.sequence < excluded.sequence
    RETURNING positions.function, positions.subject;
END
$$;

CREATE FUNCTION enqueue_messages(messages json) RETURNS TABLE ("position" bigint, sequence text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH pending AS (
        SELECT * FROM json_to_recordset(messages)
        AS p (index int, id text, exchange text, routing_key text, headers jsonb, body text, subject text, following int)
    ), numbered AS (
        INSERT INTO subjects AS s (subject, sequence)
        SELECT pending.subject, count(*) FROM pending WHERE pending.subject IS NOT NULL GROUP BY pending.subject ORDER BY pending.subject
        ON CONFLICT (subject) DO UPDATE SET sequence = s.sequence + excluded.sequence RETURNING s.subject, s.sequence
    )
    INSERT INTO outbox (id, exchange, routing_key, headers, body)
    SELECT pending.id, pending.exchange, pending.routing_key,
        CASE WHEN numbered.sequence IS NULL THEN pending.headers
        ELSE pending.headers || jsonb_build_object('sequence', (numbered.sequence - pending.following)::text) END,
        decode(pending.body, 'base64')
    FROM pending LEFT JOIN numbered USING (subject) ORDER BY pending.index
    RETURNING outbox.position, outbox.headers->>'sequence';
END
$$;

CREATE FUNCTION store_replies(replies json) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE inbox SET outcome = stored.outcome, status = stored.status, reply = decode(stored.reply, 'base64')
    FROM json_to_recordset(replies) AS stored (source text, id text, function text, outcome text, status smallint, reply text)
    WHERE inbox.source = stored.source AND inbox.id = stored.id AND inbox.function = stored.function;
END
$$;
