-- The timeline of this context's sagas: a line for each step that one has been at, in the order in which it came to them. The row that says where a
-- saga stands is a table of its context.
CREATE TABLE saga_steps (
    saga_id     uuid        NOT NULL,
    step        text        NOT NULL,
    position    smallint    NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    attempts    integer     NOT NULL CHECK (attempts > 0),
    error       text,                        -- what its last attempt said, if that failed
    PRIMARY KEY (saga_id, step),
    CHECK (finished_at >= started_at)
);
