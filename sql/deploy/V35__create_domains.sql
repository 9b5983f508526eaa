-- Domains of environments. Anybody may add a name; it belongs to the one that proves it.
CREATE TABLE domains (
    id              uuid         PRIMARY KEY,
    application_id  uuid         NOT NULL REFERENCES applications ON DELETE CASCADE,
    environment     text         NOT NULL,
    host            text         NOT NULL CHECK (host = lower(host) AND length(host) <= 253),
    token           text         NOT NULL,
    created_at      timestamptz  NOT NULL,
    verified_at     timestamptz,
    proof           text         CHECK (proof IN ('cname', 'txt')),
    redirects       boolean      NOT NULL,
    hsts_seconds    integer      CHECK (hsts_seconds >= 0),
    checked_at      timestamptz,
    next_check_at   timestamptz,
    checks          integer      NOT NULL,
    is_pointed_here boolean      NOT NULL,
    problem         text,
    lost_at         timestamptz,
    source          text         CHECK (source IN ('acme', 'own', 'cluster')),
    chain           text,
    sealed_key      text         CHECK (sealed_key LIKE 'sealed:%'),
    issuer          text         NOT NULL,
    issued_at       timestamptz,
    expires_at      timestamptz,
    attempted_at    timestamptz,
    next_attempt_at timestamptz,
    failures        integer      NOT NULL CHECK (failures >= 0),
    failure         text,
    CHECK ((verified_at IS NULL) = (proof IS NULL)),
    CHECK ((chain IS NULL) = (sealed_key IS NULL) AND (chain IS NULL) = (expires_at IS NULL))
);
CREATE UNIQUE INDEX domains_owner ON domains (host) WHERE verified_at IS NOT NULL;
CREATE UNIQUE INDEX domains_of_application ON domains (application_id, host);
CREATE INDEX domains_to_check ON domains (next_check_at) WHERE next_check_at IS NOT NULL;

-- When certificates were ordered, by host: it outlives the domain, so that adding it again does not order more.
CREATE TABLE certificate_orders (
    host       text        NOT NULL,
    ordered_at timestamptz NOT NULL
);
CREATE INDEX certificate_orders_host ON certificate_orders (host, ordered_at);

-- The accounts of this installation at certificate authorities (RFC 8555 section 7.1.2), by directory.
CREATE TABLE acme_accounts (
    directory  text        PRIMARY KEY,
    sealed_key text        NOT NULL CHECK (sealed_key LIKE 'sealed:%'),
    thumbprint text        NOT NULL,
    created_at timestamptz NOT NULL
);
