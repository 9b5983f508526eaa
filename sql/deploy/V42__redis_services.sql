-- Redis services of applications, beside PostgreSQL databases.
ALTER TABLE data_services DROP CONSTRAINT data_services_kind_check;
ALTER TABLE data_services ADD CONSTRAINT data_services_kind_check CHECK (kind IN ('postgres', 'redis', 'external'));
