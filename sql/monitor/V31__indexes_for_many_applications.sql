-- The housekeeping finds what has expired by its age, and what was measured since the last time, without reading everything else.
CREATE INDEX markers_at ON markers (at);
CREATE INDEX alerts_closed ON alerts (resolved_at) WHERE closed;
CREATE INDEX alert_deliveries_created_at ON alert_deliveries (created_at);
CREATE INDEX request_windows_at ON request_windows (at);
CREATE INDEX resource_windows_at ON resource_windows (at);

-- The alert of a deployment, also one that is over.
CREATE INDEX alerts_of_incident ON alerts (incident, id);

-- Keys of channels that are not sealed yet: none, once those of former releases are.
CREATE INDEX alert_channels_unsealed ON alert_channels (id) WHERE starts_with(secret, 'whsec_');
