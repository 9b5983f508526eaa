-- The webhooks that receive an event, as a function: its statement travels with others, and the server keeps its plan (docs/decisions/0055).
CREATE FUNCTION list_receivers(team_ids uuid[], types text[]) RETURNS SETOF webhooks LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT * FROM webhooks WHERE user_id = ANY(team_ids) AND disabled_at IS NULL AND event_types && types ORDER BY id;
END
$$;
