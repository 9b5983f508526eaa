-- Applications that were moved from one payer to another: usage belongs to whoever owned the application when its window began.
CREATE TABLE application_transfers (
    application_id  uuid        NOT NULL,
    at              timestamptz NOT NULL,
    former_user_id  uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    PRIMARY KEY (application_id, at)
);
CREATE INDEX usage_records_application_id ON usage_records (application_id, window_from);
