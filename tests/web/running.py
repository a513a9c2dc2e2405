"""A studio that runs, as a person starts it, and clients of it."""

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "audio"
PATIENCE = 240.0
"""Seconds that anything may take on the busiest of machines."""


@dataclass
class Running:
    """A studio in a process of its own."""

    process: subprocess.Popen
    address: str
    library: Path
    client: httpx.Client

    @property
    def origin(self):
        return self.address.partition("/?")[0]

    @property
    def token(self):
        return self.address.partition("token=")[2]

    def upload(self, path, name=None):
        answer = self.client.post(
            "/api/recordings", params={"name": name or path.name}, content=path.read_bytes()
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def match(self, **options):
        body = {
            "input": {"recording": "example-guitar-slide"},
            "references": [{"recording": "example-guitar-metal"}],
            "effects": ["builtin:distortion"],
            "budget": 24,
            # Echoes and motion, which are listened for where everything counts, take their time.
            "only": ["tone"],
            **options,
        }
        answer = self.client.post("/api/matches", json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def states(self, path):
        """States of a job, from now to its end."""
        seen = []
        with self.client.stream("GET", path, timeout=PATIENCE) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    seen.append(json.loads(line[6:]))
        return seen

    def render(self, slots, **options):
        """Audio of a stretch through effects."""
        body = {"recording": "example-tabla", "seconds": 2.0, "slots": slots, **options}
        answer = self.client.post("/api/render", json=body, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        samples = np.frombuffer(answer.content, "<f4")
        return samples.reshape(int(answer.headers["x-channels"]), -1)

    def workers(self, *, of_match=False):
        """Ids of the processes that render while knobs are turned, or those of a match."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, IndexError):
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                words = (folder / "cmdline").read_bytes().split(b"\0")
                found[int(folder.name)] = (int(parent), words)
        parents = {self.process.pid}
        if of_match:
            parents = {
                id
                for id, (parent, words) in found.items()
                if parent == self.process.pid and b"dialin.web.work" in words
            }
        return [
            id
            for id, (parent, words) in found.items()
            if parent in parents and b"dialin.rendering.worker" in words
        ]


@contextlib.contextmanager
def running(library, *options):
    """Start a studio, and end it."""
    command = [sys.executable, "-m", "dialin", "studio", "--no-browser", "--json"]
    process = subprocess.Popen(
        [*command, "--library", str(library), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"NO_COLOR": "1"},
    )
    try:
        lines = []
        while not lines or lines[-1].strip() != "}":
            line = process.stdout.readline()
            if not line:
                raise AssertionError(f"the studio did not start: {process.communicate()[1]}")
            lines.append(line)
            with contextlib.suppress(ValueError):
                json.loads("".join(lines))
                break
        address = json.loads("".join(lines))["address"]
        origin, token = address.partition("/?")[0], address.partition("token=")[2]
        with httpx.Client(
            base_url=origin, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE
        ) as client:
            yield Running(process, address, Path(library), client)
    finally:
        process.terminate()
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        process.stderr.close()


def until(condition, seconds=PATIENCE):
    """Wait until something holds, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.03)
    raise AssertionError(f"did not come about within {seconds:g} s")
