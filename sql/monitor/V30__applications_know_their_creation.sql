-- When an application was created: from then on it has its preset rules, which are stored when something refers to them. Those of applications of
-- before are stored.
ALTER TABLE applications ADD COLUMN created_at timestamptz;

-- What the handler of application.created does for a batch, as functions, so that the server keeps their plans (docs/decisions/0055).

CREATE FUNCTION lock_applications(kind int, ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(kind, key) FROM (SELECT DISTINCT hashtext(id::text) AS key FROM unnest(ids) AS id ORDER BY key) AS keys;
END
$$;

CREATE FUNCTION keep_applications(applications json) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO applications AS known (id, user_id, name, deleted_at, created_at)
    SELECT kept.id, kept.user_id, kept.name, kept.deleted_at, kept.created_at
    FROM json_to_recordset(keep_applications.applications)
    AS kept (id uuid, user_id uuid, name text, deleted_at timestamptz, created_at timestamptz) ORDER BY kept.id
    ON CONFLICT (id) DO UPDATE SET deleted_at = coalesce(known.deleted_at, excluded.deleted_at),
        created_at = coalesce(known.created_at, excluded.created_at);
END
$$;

CREATE FUNCTION release_unowned_usage(application_ids uuid[]) RETURNS SETOF unowned_usage LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY DELETE FROM unowned_usage WHERE application_id = ANY(application_ids) RETURNING *;
END
$$;
