-- Environments in which a developer needs a grant. Names of environments that do not exist are allowed: they count when one is created.
ALTER TABLE applications ADD COLUMN protected_environments text[] NOT NULL DEFAULT '{production}'
    CHECK (cardinality(protected_environments) <= 100 AND array_position(protected_environments, NULL) IS NULL);
