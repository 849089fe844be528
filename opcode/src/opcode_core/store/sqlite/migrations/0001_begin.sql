-- Templates: one row a version; never changed.
CREATE TABLE templates (
    name TEXT NOT NULL,
    number INTEGER NOT NULL,
    definition TEXT NOT NULL,
    input_schema TEXT,
    output_schema TEXT,
    triggers TEXT,
    description TEXT,
    agent_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (name, number)
) STRICT, WITHOUT ROWID;

-- The log: everything else about workflows can be computed from it.
CREATE TABLE events (
    workflow_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    step_id TEXT,
    payload TEXT,
    agent_id TEXT,
    timestamp INTEGER NOT NULL,
    PRIMARY KEY (workflow_id, sequence)
) STRICT, WITHOUT ROWID;

-- A view on the log: one row a workflow.
CREATE TABLE workflows (
    workflow_id TEXT PRIMARY KEY,
    template_name TEXT NOT NULL,
    template_version TEXT NOT NULL,
    status TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    idempotency_key TEXT,
    created_at INTEGER NOT NULL,
    completed_at INTEGER,
    error TEXT
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX workflows_by_key ON workflows (agent_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX workflows_unfinished ON workflows (status) WHERE status IN ('active', 'suspended');
