"""Measures the program as a process: time to the first byte, duration of commands, peak memory.

`process.py STIXMAP RESPONSES` runs the program; RESPONSES is a folder with `PROFILE-RECORDS` files. Prints one JSON object per line.
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

STIXMAP, RESPONSES = sys.argv[1], Path(sys.argv[2])
ENVIRONMENT = {"RISKIQ_USERNAME": "user", "RISKIQ_API_KEY": "0123456789abcdef", "COF_MIN_TLP": "TLP:GREEN"}
OBSERVABLES = {"riskiq": "example.com", "dnsdb": "example.com", "cof": "192.0.2.80"}
NAMES = 10_000


def report(name, **figures):
    print(json.dumps({"name": name, **figures}), flush=True)


def run(*arguments, **variables):
    """Returns the milliseconds to the first byte and to the end, and the peak memory in MB."""
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
    """Returns the minimum of each figure over several runs, since other processes share the machine."""
    return [min(figures) for figures in zip(*(run(*arguments, **variables) for _ in range(turns)))]


def mapping(profile, records):
    return ["map", "--quiet", "--profile", profile, *lookup(profile), "--observable", OBSERVABLES[profile], response(profile, records)]


def lookup(profile):
    return ["--lookup", "forward"] if profile == "dnsdb" else []


def response(profile, records):
    return str(RESPONSES / f"{profile}-{records}")


class Provider(asyncio.Protocol):
    """Responds like PassiveTotal, with the same ten records to every request."""

    rows = json.loads((RESPONSES / "riskiq-10").read_text())["results"]
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
    """Starts the provider on a loopback address and returns its URL."""
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
    report("start to first byte, list", milliseconds=first, megabytes=memory)
    first, _, memory = best(21, *mapping("riskiq", 10))
    report("start to first byte, map of 10 records", milliseconds=first, megabytes=memory)
    profiles = sorted(str(path) for path in Path("profiles").iterdir())
    _, end, memory = best(11, "check", *profiles)
    report(f"check of all {len(profiles)} profiles with their cases", milliseconds=end, megabytes=memory)
    _, end, memory = best(11, "check", *(f"{profile}/profile.yaml" for profile in profiles))
    report(f"check of all {len(profiles)} profiles", milliseconds=end, megabytes=memory)
    for profile in OBSERVABLES:
        for records in (100_000, 1_000_000):
            _, end, memory = run(*mapping(profile, records))
            size = os.path.getsize(response(profile, records)) / 1e6
            report(f"map {profile}", records=records, milliseconds=end, megabytes=memory, input=size, overhead=memory - size)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("".join(f"name-{number}.example.com\n" for number in range(NAMES)))
        file.flush()
        arguments = ["enrich", "--quiet", "--profile", "riskiq", "--input", file.name, "--deadline", "10m"]
        _, end, memory = run(*arguments, RISKIQ_API_BASE_URL=provider())
        report(f"enrich --input of {NAMES} names, 10 records each", milliseconds=end, megabytes=memory)


main()
