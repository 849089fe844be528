-- Large outputs: stored once, by the SHA-256 of their JSON; the event that has one names it.
CREATE TABLE blobs (
    hash TEXT PRIMARY KEY,
    content TEXT NOT NULL
) STRICT;
ALTER TABLE events ADD COLUMN blob TEXT;
CREATE INDEX events_by_blob ON events (blob) WHERE blob IS NOT NULL;
