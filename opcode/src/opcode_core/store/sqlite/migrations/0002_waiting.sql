-- What workflows wait for, and whose children they are: views on the log too.
ALTER TABLE workflows ADD COLUMN parent_workflow_id TEXT;
ALTER TABLE workflows ADD COLUMN wakes_at INTEGER;
CREATE INDEX workflows_by_parent ON workflows (parent_workflow_id) WHERE parent_workflow_id IS NOT NULL;

CREATE TABLE decisions (
    id TEXT PRIMARY KEY,
    workflow_id TEXT NOT NULL,
    step_id TEXT NOT NULL,
    status TEXT NOT NULL,
    target_agent TEXT,
    created_at INTEGER NOT NULL,
    decision TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX decisions_pending ON decisions (created_at, id) WHERE status = 'pending';
CREATE INDEX decisions_by_workflow ON decisions (workflow_id);
