-- Failed logins by (the hash of) the address that was tried, whether or not it has an account.
CREATE TABLE login_failures (
    address_hash bytea       PRIMARY KEY CHECK (length(address_hash) = 32),
    failures     integer     NOT NULL CHECK (failures >= 0),
    last_at      timestamptz,
    locked_until timestamptz
);
CREATE INDEX login_failures_age ON login_failures (last_at);
