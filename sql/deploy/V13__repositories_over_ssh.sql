-- A repository is at an http(s) or ssh URL, or has scp's short form (git@host:owner/repository.git).
-- `functions/wire/git_urls.py` decides; the constraint keeps out what no version accepts.
ALTER TABLE applications DROP CONSTRAINT IF EXISTS applications_repository_check;
ALTER TABLE applications ADD CONSTRAINT applications_repository_check CHECK (repository ~ '^((https?|ssh)://|[^/-][^/]*:)');
