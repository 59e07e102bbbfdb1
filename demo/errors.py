"""Errors of the demo."""

from moorage.errors import MoorageError


class DemoDataError(MoorageError):
    """The data set could not be had."""


class SceneError(MoorageError):
    """A scene did not show what it promised; the message tells what was seen instead."""
