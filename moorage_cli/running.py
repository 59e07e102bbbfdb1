"""How a command ends: what it raised becomes a message on stderr and an exit code.

0    done
1    refused, not found, not ready, or the API server would not
2    usage, or input (an object, an option, a kubeconfig, a time limit) that can't be used
3    no plan is possible
4    the cluster does not answer
130  interrupted
"""

import os
import sys
from collections.abc import Sequence

import click

from moorage.errors import (
    ConflictError,
    ForbiddenError,
    InputError,
    KubeError,
    MoorageError,
    NotFoundError,
    PlanningError,
    UnreachableError,
)
from moorage_cli.output import say

REFUSED = 1
UNUSABLE = 2
INFEASIBLE = 3
UNREACHABLE = 4
INTERRUPTED = 130
EXIT_CODES = (
    "Exit codes: 0 done; 1 refused, not found, not ready; 2 usage or unusable input; 4 the cluster does not answer."
)


def run(command: click.Command, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; nothing but SystemExit's own causes escapes."""
    complete_variable = f"_{name.replace('-', '_').replace(' ', '_')}_COMPLETE".upper()
    try:
        result = command.main(
            None if arguments is None else list(arguments),
            prog_name=name,
            complete_var=complete_variable,
            standalone_mode=False,
        )
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough; without a new stdout, Python complains once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MoorageError as error:
        say(f"Error: {_tell(error)}", err=True)
        return _code(error)
    return result if isinstance(result, int) else 0


_INVALID = (400, 422)


def _code(error: MoorageError) -> int:
    if isinstance(error, InputError | PlanningError) or (isinstance(error, KubeError) and error.status in _INVALID):
        return UNUSABLE
    return UNREACHABLE if isinstance(error, UnreachableError) else REFUSED


# What an API server says where no right would help: the message has the remedy.
_BY_ADMISSION = ("denied the request: ", "denied request: ", "violates PodSecurity ", "exceeded quota: ")


def _tell(error: MoorageError) -> str:
    """The message, with what to do about it where the error itself can't know."""
    match error:
        case UnreachableError():
            return f"{error}\nIs the cluster up, and is it the one you mean (KUBECONFIG, --context)?"
        case ForbiddenError() if not any(word in str(error) for word in _BY_ADMISSION):
            return f"{error}\nAsk for the right, or use another --context."
        case NotFoundError() if "page not found" in str(error):  # what an API server says of a resource that it has not
            return f"{error}\nMoorage is not installed there: install its chart, or choose another cluster (--context)."
        case ConflictError() if error.reason == "AlreadyExists":
            return f"{error}\nChoose another name, or change what is there with kubectl apply."
    return str(error)
