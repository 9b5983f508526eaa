-- The process type that wrote a line: web, worker, another of the Procfile, release, run (a one-off command), cron; build. Empty: of a former version.
-- Both tables have the same columns in the same order: lines move from one to the other as they are.
ALTER TABLE log_lines ADD process text NOT NULL DEFAULT '';
ALTER TABLE hot_log_lines ADD process text NOT NULL DEFAULT '';
