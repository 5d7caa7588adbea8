from .field import ProjectField, RunField
from .metric_definition import MetricDefinition
from .project import Project
from .record import RecordCursor, RecordRefusal, RecordSegment
from .run import Run

__all__ = [
    "MetricDefinition",
    "Project",
    "ProjectField",
    "RecordCursor",
    "RecordRefusal",
    "RecordSegment",
    "Run",
    "RunField",
]
