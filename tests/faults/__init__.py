"""Real processes, real faults: what was acknowledged is readable exactly once, whatever is killed."""
