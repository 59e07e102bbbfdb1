"""Answers one question after the other, from standard input to standard output, until there are no more."""

import os

import pyarrow as pa

from dataset_operator.schema_parser.formats import parse
from dataset_operator.schema_parser.limits import allowance_bytes, bound_process, bound_question
from dataset_operator.schema_parser.messages import Question, Schema, Unreadable, read_question, write_answer

_MIB = 1024 * 1024


def main() -> None:
    """Answer until the other side closes, or until a question took more than it may."""
    bound_process()
    # The stacks of further threads would count as memory of the question that has them started.
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    questions = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints says nothing to the operator
    while (question := read_question(questions)) is not None:
        answer = _answer(question)
        write_answer(answers, answer)
        if isinstance(answer, Unreadable) and answer.spent:
            return


def _answer(question: Question) -> Schema | Unreadable:
    bound_question(len(question.body))
    try:
        return parse(question)
    except MemoryError:
        most = allowance_bytes(len(question.body)) // _MIB
        return Unreadable(problem=f"needs more than {most} MiB of memory for its columns to be read", spent=True)


if __name__ == "__main__":
    main()
