"""Measurements: a file per question, peers beside us in the same run, ratios printed and nothing asserted."""
