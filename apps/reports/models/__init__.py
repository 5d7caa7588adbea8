from .default_view import DefaultView
from .saved_view import SavedView
from .view_link import ViewLink

__all__ = ["DefaultView", "SavedView", "ViewLink"]
