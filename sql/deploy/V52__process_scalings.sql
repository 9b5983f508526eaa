-- What autoscaling did to the instances of a process type: the number that was reported last, and why it changed.
CREATE TABLE process_scalings (
    application_id   uuid        NOT NULL REFERENCES applications ON DELETE CASCADE,
    environment      text        NOT NULL,
    process          text        NOT NULL,
    instances        integer     NOT NULL CHECK (instances >= 0),
    former_instances integer     CHECK (former_instances >= 0),
    scaled_at        timestamptz,
    -- Since when a change waits to be reported.
    observed_at      timestamptz,
    metric           text,
    value            double precision,
    target           integer,
    PRIMARY KEY (application_id, environment, process)
);

-- How fast web follows its load. Without a window, the default of the installation's autoscaler counts.
ALTER TABLE environments
    ADD COLUMN scale_window_seconds integer CHECK (scale_window_seconds > 0),
    ADD COLUMN scale_down_delay_seconds integer NOT NULL DEFAULT 0 CHECK (scale_down_delay_seconds >= 0),
    ADD COLUMN initial_scale integer NOT NULL DEFAULT 1 CHECK (initial_scale > 0);

-- Between SIGTERM and SIGKILL, of what ends: as for the instances of process types.
ALTER TABLE schedules ADD COLUMN stop_seconds integer NOT NULL DEFAULT 30 CHECK (stop_seconds > 0);
ALTER TABLE runs ADD COLUMN stop_seconds integer NOT NULL DEFAULT 30 CHECK (stop_seconds > 0);
