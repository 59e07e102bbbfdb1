"""The stage that scenes act on: the cluster, the data, and functions to run commands and wait for results."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any, TypeVar

from rich.console import Console

from demo.data import Flights
from demo.errors import SceneError
from devcluster.cluster import Cluster

MANIFESTS = Path(__file__).parent / "manifests"
STEWARD = "stewards"
US_STEWARD = "us-stewards"
CONSUMER = "delays-team"
STRANGER = "strangers"
SYSTEM = "moorage-system"
IMAGE = "docker.io/moorage/demo-reader:0.1.0"

Seen = TypeVar("Seen")


@dataclass(frozen=True)
class Command:
    """The result of a command."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both, as a terminal shows them."""
        return (self.out + self.err).strip()


@dataclass
class Stage:
    """A cluster with Moorage and the data set on it, and the console that the scenes speak to.

    Attributes:
        fields: what the manifests' `$names` stand for.
    """

    cluster: Cluster
    flights: Flights
    secrets: tuple[str, ...] = field(repr=False)
    fields: Mapping[str, str]
    console: Console

    def tell(self, text: str) -> None:
        """One line of narration."""
        self.console.print(f"  {text}", style="cyan", highlight=False, markup=False, soft_wrap=True)

    def show(self, command: str, output: str) -> None:
        """Show a command and its real output."""
        self.console.print(f"  $ {command}", style="bold", highlight=False, markup=False, soft_wrap=True)
        for line in output.rstrip().splitlines():
            self.console.print(f"    {line}", highlight=False, markup=False, soft_wrap=True)

    def run(self, *command: str, stdin: str | None = None, directory: Path | None = None) -> Command:
        """Run a command with the cluster's kubectl, helm and kubeconfig."""
        done = subprocess.run(
            command,
            input=stdin,
            env=self.environment,
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        return Command(done.returncode, done.stdout, done.stderr)

    @property
    def environment(self) -> dict[str, str]:
        """The environment that commands get."""
        environment = {**_inherited(), **self.cluster.environment}
        # The folder with the plugin of `kubectl dataset`.
        plugins = Path(sys.executable).parent
        return {**environment, "PATH": f"{plugins}:{environment['PATH']}"}

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> Command:
        """Run kubectl and return its result.

        Raises:
            SceneError: it failed, and `check` is set.
        """
        done = self.run("kubectl", *arguments, stdin=stdin)
        if check and done.code != 0:
            raise SceneError(f"kubectl {' '.join(arguments)} failed:\n{done.text}")
        return done

    def get(self, *arguments: str) -> dict[str, Any]:
        """Return an object or a list, as JSON; empty where there is none."""
        done = self.kubectl("get", *arguments, "-o", "json", "--ignore-not-found")
        found: dict[str, Any] = json.loads(done.out) if done.out.strip() else {}
        return found

    def manifest(self, name: str, **more: str) -> str:
        """Return a manifest with its `$names` filled in."""
        return Template((MANIFESTS / name).read_text()).substitute({**self.fields, **more})

    def apply(self, name: str, *, check: bool = True, show: bool = True, **more: str) -> Command:
        """Apply a manifest by `kubectl apply`, and show what it says."""
        done = self.kubectl("apply", "-f", "-", stdin=self.manifest(name, **more), check=check)
        if show:
            self.show(f"kubectl apply -f demo/manifests/{name}", done.text)
        return done

    def logs(self, pod: str, namespace: str = CONSUMER, container: str = "reader") -> str:
        """Return the log of the reader."""
        return self.kubectl("logs", "-n", namespace, pod, "-c", container, check=False).out

    def wait(self, what: str, look: Callable[[], Seen | None], seconds: float = 60) -> Seen:
        """Look until there is something to see.

        Raises:
            SceneError: there was nothing in time.
        """
        deadline = time.monotonic() + seconds
        with self.console.status(f"  waiting for {what} ..."):
            while True:
                seen = look()
                if seen is not None:
                    return seen
                if time.monotonic() > deadline:
                    raise SceneError(f"waited {seconds:.0f} s for {what} without success")
                time.sleep(0.3)

    def wait_for_phase(self, pod: str, phases: set[str], namespace: str = CONSUMER, seconds: float = 90) -> str:
        """Wait until a pod is in one of the phases; tells why not, if it never gets there.

        Raises:
            SceneError: it did not get there in time.
        """

        def look() -> str | None:
            phase = self.get("pod", pod, "-n", namespace).get("status", {}).get("phase", "")
            return phase if phase in phases else None

        try:
            return self.wait(f"pod {pod} to be {' or '.join(sorted(phases))}", look, seconds)
        except SceneError as error:
            events = "\n".join(self.events(pod, namespace))
            states = self.kubectl("get", "pod", pod, "-n", namespace, "-o", "jsonpath={.status}", check=False).text
            raise SceneError(f"{error}\n{events}\n{states}") from None

    def events(self, pod: str, namespace: str = CONSUMER) -> list[str]:
        """Return the messages of a pod's Events, with their reasons, oldest first."""
        found = self.get("events", "-n", namespace, "--field-selector", f"involvedObject.name={pod}")
        items = sorted(found.get("items", []), key=lambda event: event["metadata"]["creationTimestamp"])
        return [f"{event['reason']}: {event['message']}" for event in items]

    def wait_for_event(self, pod: str, *words: str, namespace: str = CONSUMER, seconds: float = 60) -> str:
        """Wait for an Event of the pod that holds all the words.

        Raises:
            SceneError: there was none in time.
        """

        def look() -> str | None:
            return next((text for text in self.events(pod, namespace) if all(word in text for word in words)), None)

        return self.wait(f"an event of {pod} that says {', '.join(words)}", look, seconds)

    def delete_pod(self, *pods: str, namespace: str = CONSUMER) -> None:
        """Remove pods and wait until they are gone."""
        arguments = ("-n", namespace, "--grace-period=1", "--ignore-not-found", "--timeout=60s")
        self.kubectl("delete", "pod", *pods, *arguments)


def _inherited() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
