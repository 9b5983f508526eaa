-- A team may be deleted by somebody who does not know yet that an application has just moved in: it goes back to its former team.
ALTER TABLE applications
    ADD COLUMN transferred_from uuid,
    ADD COLUMN transferred_at timestamptz,
    ADD CHECK ((transferred_from IS NULL) = (transferred_at IS NULL));
