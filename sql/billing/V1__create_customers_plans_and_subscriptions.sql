-- Who pays, the plans on offer, and who has which.

CREATE TABLE customers (
    id          uuid        PRIMARY KEY,
    user_id     uuid        NOT NULL UNIQUE,            -- a user becomes a customer once, however often the event comes
    email       text        NOT NULL,
    created_at  timestamptz NOT NULL,
    version     integer     NOT NULL DEFAULT 1
);

-- A version of a plan is never changed once it is here: another price is another row. `offered_from` says when a version becomes the one that
-- new subscriptions get.
CREATE TABLE plans (
    code          text        NOT NULL CHECK (code ~ '^[a-z][a-z0-9-]*$'),
    version       integer     NOT NULL CHECK (version > 0),
    name          text        NOT NULL,
    fee           bigint      NOT NULL CHECK (fee >= 0),     -- minor units, for each period
    currency      text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    offered_from  timestamptz NOT NULL,
    PRIMARY KEY (code, version)
);

-- What a plan includes of a meter.
CREATE TABLE prices (
    plan_code     text        NOT NULL,
    plan_version  integer     NOT NULL,
    meter         text        NOT NULL CHECK (meter IN ('requests', 'cpu_milliseconds')),
    included      bigint      NOT NULL CHECK (included >= 0),
    PRIMARY KEY (plan_code, plan_version, meter),
    FOREIGN KEY (plan_code, plan_version) REFERENCES plans (code, version)
);

-- What more of it costs: `amount` minor units (of the plan's currency) for every `per` units, up to unit `up_to` beyond the included ones.
CREATE TABLE price_tiers (
    plan_code     text        NOT NULL,
    plan_version  integer     NOT NULL,
    meter         text        NOT NULL,
    position      integer     NOT NULL CHECK (position > 0),
    up_to         bigint      CHECK (up_to > 0),
    amount        bigint      NOT NULL CHECK (amount >= 0),
    per           bigint      NOT NULL CHECK (per > 0),
    PRIMARY KEY (plan_code, plan_version, meter, position),
    FOREIGN KEY (plan_code, plan_version, meter) REFERENCES prices (plan_code, plan_version, meter)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed: add a new version', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER plans_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON plans EXECUTE FUNCTION refuse_change();
CREATE TRIGGER prices_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON prices EXECUTE FUNCTION refuse_change();
CREATE TRIGGER price_tiers_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON price_tiers EXECUTE FUNCTION refuse_change();

CREATE TABLE subscriptions (
    id            uuid        PRIMARY KEY,
    customer_id   uuid        NOT NULL REFERENCES customers (id),
    plan_code     text        NOT NULL,
    plan_version  integer     NOT NULL,
    status        text        NOT NULL CHECK (status IN ('active', 'ended')),
    anchored_at   timestamptz NOT NULL,                 -- billing periods are months counted from here
    started_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    version       integer     NOT NULL DEFAULT 1,
    CHECK ((status = 'ended') = (ended_at IS NOT NULL)),
    FOREIGN KEY (plan_code, plan_version) REFERENCES plans (code, version)
);
CREATE UNIQUE INDEX one_running_subscription_a_customer ON subscriptions (customer_id) WHERE status <> 'ended';
