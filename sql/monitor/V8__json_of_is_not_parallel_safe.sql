-- A function that catches exceptions starts a subtransaction, which no process of a parallel query may do (PostgreSQL, "Parallel Safety").
ALTER FUNCTION json_of(text) PARALLEL UNSAFE;
