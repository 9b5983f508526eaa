-- Who did what with a dead letter, and when: the history of its attempts.
CREATE TABLE dead_letter_actions (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    letter_id   uuid        NOT NULL REFERENCES dead_letters (id) ON DELETE CASCADE,
    action      text        NOT NULL CHECK (action IN ('died', 'edited', 'replayed', 'discarded')),
    actor       text,
    detail      text        NOT NULL DEFAULT '',
    at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX dead_letter_actions_letter ON dead_letter_actions (letter_id, id);

-- Events that came before the one they must follow; the missing one lets them go.
CREATE TABLE parked (
    function    text        NOT NULL,
    subject     text        NOT NULL,
    sequence    bigint      NOT NULL,
    headers     jsonb       NOT NULL,
    body        bytea       NOT NULL,
    until       timestamptz NOT NULL,        -- then it goes to the dead letters
    PRIMARY KEY (function, subject, sequence)
);
CREATE INDEX parked_until ON parked (until);

-- A message that is given once more keeps its id, and not every source numbers its messages with UUIDs.
ALTER TABLE outbox ALTER COLUMN id TYPE text;
