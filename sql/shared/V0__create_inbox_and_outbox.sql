-- What the runtime keeps in every context's database: messages it has taken, messages it owes, where each handler stands, and what failed.

-- One row for each message that a function has recorded. Claimed at the beginning of the transaction that does the work, so that two workers
-- with the same message never both do it; holds the reply, so that a repeated command is answered again and not done again.
CREATE TABLE inbox (
    source      text        NOT NULL,
    id          text        NOT NULL,
    function    text        NOT NULL,
    body_hash   bytea       NOT NULL,
    outcome     text        CHECK (outcome IN ('done', 'rejected')),
    status      smallint,
    reply       bytea,                       -- null for an answer that must not be kept (tokens)
    claimed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, id, function)
);
CREATE INDEX inbox_claimed_at ON inbox (claimed_at);

-- Events owed to the world: written with the state they tell, deleted once RabbitMQ has confirmed them.
CREATE TABLE outbox (
    position    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          uuid        NOT NULL,
    exchange    text        NOT NULL,
    routing_key text        NOT NULL,
    headers     jsonb       NOT NULL,
    body        bytea       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_created_at ON outbox (created_at);

-- The last number given to an event of one subject (an aggregate): without gaps, in the order of commits.
CREATE TABLE subjects (
    subject     text        PRIMARY KEY,
    sequence    bigint      NOT NULL
);

-- The newest event of a subject that a handler has applied.
CREATE TABLE positions (
    function    text        NOT NULL,
    subject     text        NOT NULL,
    sequence    bigint      NOT NULL,
    PRIMARY KEY (function, subject)
);

CREATE TABLE dead_letters (
    id          uuid        PRIMARY KEY,
    function    text        NOT NULL,
    source      text        NOT NULL,
    message_id  text        NOT NULL,
    type        text        NOT NULL,
    headers     jsonb       NOT NULL,
    body        bytea       NOT NULL,
    error       text        NOT NULL,        -- class of the failure, the word by which they are grouped
    detail      text        NOT NULL,
    stack       text        NOT NULL DEFAULT '',
    attempts    integer     NOT NULL,
    state       text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed', 'discarded')),
    died_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source, message_id, function)
);
CREATE INDEX dead_letters_open ON dead_letters (function, died_at) WHERE state = 'open';
