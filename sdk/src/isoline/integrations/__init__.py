"""Callbacks for training libraries, a file each: `from isoline.integrations.keras import IsolineCallback`.

Importing one imports its library. Every callback writes to the run it is given, else to the current one, else
to a run that it begins and finishes itself.
"""
