-- For an array as parameter the server made a new plan at each call: it takes one of a single id for cheaper than the plan that it could keep, which is
-- for ten (PostgreSQL documentation, "plan_cache_mode"). Planning took longer than the rest of these functions.
ALTER FUNCTION release_unowned_usage(uuid[]) SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION list_receivers(uuid[], text[]) SET plan_cache_mode = force_generic_plan;
