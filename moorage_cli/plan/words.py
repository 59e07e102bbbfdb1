"""A command that takes a file, and knows a few words besides: `moorage plan FILE`, `moorage plan explain DIR TASK`."""

import difflib
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

_NEAR = 0.7
"""From 0 to 1: as alike are `explian` and `explain`, and `plain.yaml` is not."""


class CommandWithWords(click.Command):
    """A click command; where the first argument is one of `words_at` (`module:attribute`), that command instead."""

    def __init__(self, *args: Any, words_at: Mapping[str, str], **kwargs: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*args, **kwargs)
        self._words_at = dict(words_at)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - click's own
    ) -> click.Context:
        """The context of the command that is meant: click goes on with the command that stands in it."""
        if not args or args[0] not in self._words_at:
            self._refuse_misspelt(info_name, args[:1])
            return super().make_context(info_name, args, parent, **extra)
        module, _, attribute = self._words_at[args[0]].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)

    def _refuse_misspelt(self, info_name: str | None, first: list[str]) -> None:
        """A first argument that is no file, and nearly one of the words, is that word."""
        for argument in first:
            near = difflib.get_close_matches(argument, self._words_at, n=1, cutoff=_NEAR)
            if near and not Path(argument).exists():
                raise click.UsageError(
                    f"{argument!r} is neither a file nor a command here: did you mean `moorage {info_name} {near[0]}`?"
                )
