-- What tells damage: a checksum for each event, which database this is, and how many transactions it has had.
ALTER TABLE events ADD COLUMN checksum INTEGER;

CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO facts VALUES ('instance', lower(hex(randomblob(8)))), ('transactions', 0);

-- Lists come newest first, all of them or those of one kind; the key follows in each index.
CREATE INDEX workflows_by_time ON workflows (created_at);
CREATE INDEX workflows_by_status ON workflows (status, created_at);
CREATE INDEX workflows_by_agent ON workflows (agent_id, created_at);
CREATE INDEX workflows_by_template ON workflows (template_name, created_at);
CREATE INDEX decisions_by_status ON decisions (status, created_at, id);
DROP INDEX workflows_unfinished;
DROP INDEX decisions_pending;
