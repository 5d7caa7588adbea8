"""`make demo`: a server, a team and real trainings that log to it. The trainings are meant to be read."""
