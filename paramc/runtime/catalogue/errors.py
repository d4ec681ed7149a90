"""What can be wrong with a model file."""

from paramc.diagnostics.model import RunError


class ModelError(RunError):
    """A model file is damaged, of another kind, or of a family that the runner does not know."""


class ModelNotFound(ModelError):  # noqa: N818  # reads as the thing it reports
    """No file of the catalogue is the one that was asked for."""
