-- An application builds a repository or deploys an image. Each setting of its builds can be changed.
ALTER TABLE applications
    ALTER COLUMN repository DROP NOT NULL,
    ADD COLUMN image         text CHECK (length(image) BETWEEN 1 AND 400),
    ADD COLUMN branch        text CHECK (length(branch) BETWEEN 1 AND 200),
    ADD COLUMN builder       text NOT NULL DEFAULT 'auto' CHECK (builder IN ('auto', 'native', 'dockerfile', 'buildpack')),
    ADD COLUMN build_command text CHECK (length(build_command) BETWEEN 1 AND 1000),
    ADD COLUMN start_command text CHECK (length(start_command) BETWEEN 1 AND 1000),
    ADD CONSTRAINT applications_source CHECK ((repository IS NULL) <> (image IS NULL));

-- A deployment freezes its repository too, from now on.
UPDATE deployments SET terms = terms || jsonb_build_object('repository', applications.repository)
FROM applications WHERE applications.id = application_id AND finished_at IS NULL;
