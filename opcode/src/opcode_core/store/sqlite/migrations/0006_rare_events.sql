-- Events of the types that not every workflow has: a list of one type, over all workflows, looks at nothing else. The
-- types left out here are found among any few events.
CREATE INDEX events_rare ON events (event_type, workflow_id, sequence)
    WHERE event_type NOT IN ('workflow_started', 'step_started', 'step_completed', 'workflow_completed');
