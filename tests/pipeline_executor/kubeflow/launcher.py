"""What Kubeflow's launcher is in these tests: brings inputs, runs the user's command, takes outputs away.

It imports the standard library only, and runs in the task's pod, in the user's image. `TASK` tells it what to do.
Bytes go through the played backend, which reads and writes the site's real store.
"""

import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

_CANNOT_RUN = 127


def _call(method: str, url: str, body: bytes | None = None) -> bytes:
    request = urllib.request.Request(url, data=body, method=method)  # noqa: S310 - the test's own server
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        content: bytes = answer.read()
    return content


def _object(base: str, key: str) -> str:
    return f"{base}/object?{urllib.parse.urlencode({'key': key})}"


def _bring(base: str, uri: str, path: str) -> None:
    """Copies an artifact whole into the pod; nothing is said where there is nothing."""
    key = uri.split("/", 3)[3]
    listed = json.loads(_call("GET", f"{base}/list?{urllib.parse.urlencode({'prefix': key})}"))
    for each in listed:
        target = Path(path + each.removeprefix(key))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_call("GET", _object(base, each)))


def _take(base: str, path: str, uri: str) -> None:
    key, source = uri.split("/", 3)[3], Path(path)
    files = [source] if source.is_file() else sorted(each for each in source.rglob("*") if each.is_file())
    for each in files:
        _call("PUT", _object(base, key + str(each).removeprefix(path)), each.read_bytes())


def main() -> int:
    """Run the task; its exit code is the user's."""
    task = json.loads(os.environ["TASK"])
    base = task["base"]
    sys.stderr.write("launcher: begins\n")
    for given in task["inputs"]:
        _bring(base, given["uri"], given["path"])
    for path in task["make"]:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    try:
        code = subprocess.run(task["command"], check=False, env={**os.environ, **task["env"]}).returncode
    except FileNotFoundError as error:
        sys.stderr.write(f'exec: "{error.filename}": executable file not found in $PATH\n')
        code = _CANNOT_RUN
    report = {"execution": task["execution"], "failed": code != 0, "files": {}, "output": None}
    if code == 0:
        for made in task["outputs"]:
            _take(base, made["path"], made["uri"])
        report["files"] = {
            name: Path(file).read_text() for name, file in task["parameters"].items() if Path(file).exists()
        }
        output = Path(task["output_file"])
        report["output"] = output.read_text() if output.exists() else None
    _call("POST", f"{base}/publish", json.dumps(report).encode())
    return code


if __name__ == "__main__":
    sys.exit(main())
