"""A seeded simulation of the native ingest protocol, its oracle, and mutants that must be caught."""
