-- Events of the types that not every workflow has: a list of one type, over all workflows, looks at nothing else. The
-- types left out here are found among any few events. NOT IN would cost each insertion several times what `<>` does.
CREATE INDEX events_rare ON events (event_type, workflow_id, sequence)
    WHERE event_type <> 'workflow_started' AND event_type <> 'step_started'
    AND event_type <> 'step_completed' AND event_type <> 'workflow_completed';
