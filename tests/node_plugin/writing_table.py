"""What programs do to files, and what comes of it on a mount that may be written: the table of docs/writing.md.

`tests/node_plugin/test_writing.py` does each of these on a real mount, and compares page and table.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Operation:
    """One row.

    Attributes:
        words: of the page.
        code: what is done, in Python; `at` is the mount, and `old` an object there that holds `before`.
        outcome: of the page.
        error: the errno's name; "" where it works.
        name: of an object to look at afterwards; "" for none.
        body: what it holds then; None where it is not there.
    """

    words: str
    code: str
    outcome: str
    error: str = ""
    name: str = ""
    body: bytes | None = None


OPERATIONS = (
    Operation(
        "create a file, write it from start to end, close it",
        "open(at + '/new', 'wb').write(b'new')",
        "works; the object is in the store when `close` returns",
        name="new",
        body=b"new",
    ),
    Operation(
        "create an empty file",
        "open(at + '/empty', 'wb').close(); time.sleep(1)",
        "works; the object is in the store a moment after `close`",
        name="empty",
        body=b"",
    ),
    Operation(
        "overwrite an existing file (`O_TRUNC`)",
        "open(at + '/old', 'wb').write(b'after')",
        "works; readers get the old object until `close` returns",
        name="old",
        body=b"after",
    ),
    Operation(
        "create a file that must not exist (`O_EXCL`)",
        "open(at + '/old', 'xb')",
        "fails with `EEXIST` if this mount knows the file; two pods at the same time may both succeed",
        "EEXIST",
        "old",
        b"before",
    ),
    Operation(
        "append to an existing file (`O_APPEND`)",
        "with open(at + '/old', 'ab') as file: file.write(b'more')",
        "fails with `EPERM`",
        "EPERM",
        "old",
        b"before",
    ),
    Operation(
        "change an existing file in place (`r+`)",
        "with open(at + '/old', 'r+b') as file: file.write(b'X')",
        "fails with `EPERM`",
        "EPERM",
        "old",
        b"before",
    ),
    Operation(
        "write anywhere but at the end (random write)",
        "f = os.open(at + '/seek', os.O_CREAT | os.O_WRONLY); os.write(f, b'abc'); os.pwrite(f, b'X', 0)",
        "fails with `ESPIPE`; what was written before that is stored when the file is closed",
        "ESPIPE",
        "seek",
        b"abc",
    ),
    Operation(
        "write past the end, leaving a hole",
        "f = os.open(at + '/hole', os.O_CREAT | os.O_WRONLY); os.pwrite(f, b'X', 4096)",
        "fails with `ESPIPE`",
        "ESPIPE",
    ),
    Operation(
        "truncate a file to a length other than 0",
        "os.truncate(at + '/old', 2)",
        "fails with `EPERM`",
        "EPERM",
        "old",
        b"before",
    ),
    Operation(
        "truncate a file to length 0",
        "os.truncate(at + '/old', 0)",
        "works",
        name="old",
        body=b"",
    ),
    Operation(
        "rename a file, even over another one",
        "os.rename(at + '/old', at + '/renamed')",
        "works; the store copies the object and deletes the old one, so both are there for a moment",
        name="renamed",
        body=b"before",
    ),
    Operation(
        "rename a folder",
        "os.mkdir(at + '/a'); open(at + '/a/f', 'wb').write(b'1'); os.rename(at + '/a', at + '/b')",
        "works, object by object",
        name="b/f",
        body=b"1",
    ),
    Operation(
        "delete a file",
        "os.unlink(at + '/old')",
        "works",
        name="old",
    ),
    Operation(
        "make a folder",
        "os.mkdir(at + '/folder')",
        "works; the store has it once it contains an object",
        name="folder/",
    ),
    Operation(
        "symbolic link",
        "os.symlink('old', at + '/link')",
        "fails with `ENOSYS`",
        "ENOSYS",
    ),
    Operation(
        "hard link",
        "os.link(at + '/old', at + '/link')",
        "fails with `EOPNOTSUPP`",
        "EOPNOTSUPP",
    ),
    Operation(
        "`chmod`, `chown`",
        "os.chmod(at + '/old', 0o600)",
        "fails with `EPERM`; as root, has no effect and gives no error",
        "EPERM",
        name="old",
        body=b"before",
    ),
    Operation(
        "`fsync` of a file that is still open",
        "f = os.open(at + '/synced', os.O_CREAT | os.O_WRONLY); os.write(f, b'abc'); os.fsync(f); os._exit(0)",
        "guarantees nothing: only `close` waits for the store",
        name="synced",
        body=b"abc",
    ),
)


def render() -> str:
    """The table."""
    rows = [f"| {operation.words} | {operation.outcome} |" for operation in OPERATIONS]
    return "\n".join(["| what a program does | what happens |", "|---|---|", *rows])
