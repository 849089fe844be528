-- What starts templates by itself. These rows are the truth, no view: the log has no word of them.
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    template_name TEXT NOT NULL,
    name TEXT NOT NULL,
    expression TEXT NOT NULL,
    timezone TEXT NOT NULL,
    params TEXT NOT NULL,
    declared INTEGER NOT NULL, -- `enabled` as the version says
    enabled INTEGER NOT NULL, -- and as somebody has decided since
    missed TEXT NOT NULL,
    overlap TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    next_run INTEGER,
    last_run INTEGER,
    last_workflow_id TEXT,
    last_error TEXT,
    UNIQUE (template_name, name)
) STRICT, WITHOUT ROWID;

-- Runs that are not over. One without a row in `workflows` is claimed and has not begun.
CREATE TABLE job_runs (
    workflow_id TEXT PRIMARY KEY,
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    due INTEGER,
    missed INTEGER NOT NULL,
    claimed_at INTEGER NOT NULL,
    UNIQUE (job_id, due)
) STRICT, WITHOUT ROWID;
