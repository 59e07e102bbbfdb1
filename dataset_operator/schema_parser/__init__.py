"""Parses schemas in a process of its own, because the files are untrusted and may exhaust memory or time.

It has no keys, no network to speak of and no cluster: the operator (`dataset_operator.tables.pool`) hands it the bytes
that tell a file's columns and reads what it says. It bounds its own memory and computing time, and is replaced when it
dies of that. It imports pyarrow; the operator does not.

    messages  the question and the answer, for both sides (pure)
    formats   columns of each format, by pyarrow
    limits    what one question may take
    __main__  answers one question after the other
"""
