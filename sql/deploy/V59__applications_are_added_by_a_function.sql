-- For an array as parameter the server made a new plan at each call: it takes one of a single id for cheaper than the plan that it could keep, which is
-- for ten (PostgreSQL documentation, "plan_cache_mode").
ALTER FUNCTION lock_restricted_quotas(uuid[]) SET plan_cache_mode = force_generic_plan;

-- Inserts applications of owners with room in their quota for all of theirs, counts them, and returns their number. A function, so that its statement can
-- travel with others and the server keeps its plan (docs/decisions/0055, 0077).
CREATE FUNCTION add_applications(applications json) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    added_count int;
BEGIN
    WITH added AS (
        SELECT * FROM json_populate_recordset(NULL::applications, add_applications.applications)
    ), owners AS (
        SELECT user_id, count(*) AS number FROM added GROUP BY user_id
    ), counted AS (
        UPDATE quotas SET applications_used = quotas.applications_used + owners.number, version = quotas.version + owners.number
        FROM owners WHERE quotas.user_id = owners.user_id AND quotas.applications_used + owners.number <= quotas.applications RETURNING quotas.user_id
    )
    INSERT INTO applications (
        id, user_id, name, repository, image, created_at, branch, directory, builder, build_command, start_command, release_command, health_path, port, waking_page
    )
    SELECT
        id, user_id, name, repository, image, created_at, branch, directory, builder, build_command, start_command, release_command, health_path, port, waking_page
    FROM added JOIN counted USING (user_id);
    GET DIAGNOSTICS added_count = ROW_COUNT;
    RETURN added_count;
END
$$;
