-- These two find the rows of a batch's messages, 100 at most, in tables that grow with every message and every sign-out. The server keeps their plans for as
-- long as a connection lasts, until it analyzes the table: a plan from when the table was small read all of it for each batch. A setting of a function
-- holds while its plan is made, also behind PgBouncer.
ALTER FUNCTION claim_messages(json) SET enable_seqscan = off;
ALTER FUNCTION claim_messages(json) SET enable_hashjoin = off;
ALTER FUNCTION claim_messages(json) SET enable_mergejoin = off;
ALTER FUNCTION store_replies(json) SET enable_seqscan = off;
ALTER FUNCTION store_replies(json) SET enable_hashjoin = off;
ALTER FUNCTION store_replies(json) SET enable_mergejoin = off;
