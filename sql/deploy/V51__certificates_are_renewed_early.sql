-- `renewal_info_at`: the next request to the certificate authority for the renewal information of the certificate (RFC 9773); NULL: at the next housekeeping.
-- `warned_at`: when the owner was warned that an uploaded certificate ends.
-- `is_delegated`: the name of the domain's DNS challenges leads to this installation, so that certificates come by DNS-01.
ALTER TABLE domains
    ADD COLUMN renewal_info_at timestamptz,
    ADD COLUMN warned_at       timestamptz,
    ADD COLUMN is_delegated    boolean NOT NULL DEFAULT false;
