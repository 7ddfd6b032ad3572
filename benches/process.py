"""The program as a process: how soon it says something, how long commands take, how much memory they need at most.

`process.py STIXMAP ANSWERS` runs the program; ANSWERS is a folder with `PROFILE-RECORDS` files. One figure a line, as JSON.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

STIXMAP, ANSWERS = sys.argv[1], Path(sys.argv[2])
ENVIRONMENT = {"RISKIQ_USERNAME": "user", "RISKIQ_API_KEY": "0123456789abcdef", "COF_MIN_TLP": "TLP:GREEN"}
ABOUT = {"riskiq": "example.com", "dnsdb": "example.com", "cof": "192.0.2.80"}
NAMES = 10_000


def tell(name, **figures):
    print(json.dumps({"name": name, **figures}), flush=True)


def run(*arguments, **variables):
    """Milliseconds to the first byte and to the end, and the most memory in MB."""
    begun = time.perf_counter()
    child = subprocess.Popen(
        [STIXMAP, *arguments], env={**ENVIRONMENT, **variables}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    first = None
    while chunk := os.read(child.stdout.fileno(), 1 << 16):
        first = first or time.perf_counter()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    end = time.perf_counter()
    assert child.returncode == 0, f"{arguments} ended with {child.returncode}"
    return ((first or end) - begun) * 1e3, (end - begun) * 1e3, usage.ru_maxrss * 1024 / 1e6


def best(turns, *arguments, **variables):
    """The least of each of several turns: others share the machine."""
    return [min(figures) for figures in zip(*(run(*arguments, **variables) for _ in range(turns)))]


def mapping(profile, records):
    return ["map", "--quiet", "--profile", profile, *lookup(profile), "--observable", ABOUT[profile], answer(profile, records)]


def lookup(profile):
    return ["--lookup", "forward"] if profile == "dnsdb" else []


def answer(profile, records):
    return str(ANSWERS / f"{profile}-{records}")


class Provider(asyncio.Protocol):
    """Answers as PassiveTotal does, with ten records about whatever it is asked about."""

    rows = json.loads((ANSWERS / "riskiq-10").read_text())["results"]
    probe = json.dumps({"user": {"licenseCounts": {"searchApi": 1}, "licenseLimits": {"searchApi": 1_000_000}}})
    found = json.dumps({"totalRecords": 10, "results": rows})

    def connection_made(self, transport):
        self.transport, self.waiting = transport, b""

    def data_received(self, data):
        self.waiting += data
        while b"\r\n\r\n" in self.waiting:
            request, self.waiting = self.waiting.split(b"\r\n\r\n", 1)
            body = self.probe if b"/account/quota" in request.split(b"\r\n", 1)[0] else self.found
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            self.transport.write((head + body).encode())


def provider():
    """Starts the provider on loopback, and gives its URL."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    server = []

    def serve():
        asyncio.set_event_loop(loop)
        server.append(loop.run_until_complete(loop.create_server(Provider, "127.0.0.1", 0)))
        ready.set()
        loop.run_forever()

    threading.Thread(target=serve, daemon=True).start()
    ready.wait()
    return f"http://127.0.0.1:{server[0].sockets[0].getsockname()[1]}"


def main():
    first, _, memory = best(21, "list")
    tell("start to first byte, list", milliseconds=first, megabytes=memory)
    first, _, memory = best(21, *mapping("riskiq", 10))
    tell("start to first byte, map of 10 records", milliseconds=first, megabytes=memory)
    profiles = sorted(str(path) for path in Path("profiles").iterdir())
    _, end, memory = best(11, "check", *profiles)
    tell(f"check of all {len(profiles)} profiles with their cases", milliseconds=end, megabytes=memory)
    _, end, memory = best(11, "check", *(f"{profile}/profile.yaml" for profile in profiles))
    tell(f"check of all {len(profiles)} profiles", milliseconds=end, megabytes=memory)
    for profile in ABOUT:
        for records in (100_000, 1_000_000):
            _, end, memory = run(*mapping(profile, records))
            size = os.path.getsize(answer(profile, records)) / 1e6
            tell(f"map {profile}", records=records, milliseconds=end, megabytes=memory, input=size, besides=memory - size)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("".join(f"name-{number}.example.com\n" for number in range(NAMES)))
        file.flush()
        arguments = ["enrich", "--quiet", "--profile", "riskiq", "--input", file.name, "--deadline", "10m"]
        _, end, memory = run(*arguments, RISKIQ_API_BASE_URL=provider())
        tell(f"enrich --input of {NAMES} names, 10 records each", milliseconds=end, megabytes=memory)


main()
