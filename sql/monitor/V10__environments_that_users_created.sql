-- Names of environments that deploy reported. The two that every application has, and those that were deployed to, need no row.
CREATE TABLE environments (
    application_id  uuid  NOT NULL,
    name            text  NOT NULL,
    PRIMARY KEY (application_id, name)
);
