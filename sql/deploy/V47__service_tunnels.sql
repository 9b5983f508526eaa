-- Tunnels to data services: a client connects to its service with a ticket, of which only the hash is stored, until `accepts_until`.
CREATE TABLE service_tunnels (
    id             uuid        PRIMARY KEY,
    token_hash     bytea       NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    application_id uuid        NOT NULL,
    service_id     uuid        NOT NULL REFERENCES data_services,
    user_id        uuid        NOT NULL,
    session_id     uuid,
    opened_at      timestamptz NOT NULL,
    accepts_until  timestamptz NOT NULL,
    ends_at        timestamptz NOT NULL,
    CHECK (opened_at < accepts_until AND accepts_until <= ends_at)
);
CREATE INDEX service_tunnels_by_end ON service_tunnels (ends_at);
CREATE INDEX service_tunnels_of_service ON service_tunnels (service_id);
