-- Whether a browser that has to wait for the first instance of an application gets a page meanwhile.
ALTER TABLE applications ADD COLUMN waking_page boolean NOT NULL DEFAULT false;
