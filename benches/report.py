"""Writes the report of all measurements: targets, ratios, figures, and where the time goes."""

import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

OUT = Path(sys.argv[1])
PROFILES = ("riskiq", "dnsdb", "cof")


def lines(name):
    return [json.loads(line) for line in (OUT / name).read_text().splitlines()]


def command(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def instructions(profile, what):
    """Returns the number of instructions of a run, from callgrind; `None` if valgrind is not installed."""
    file = OUT / f"callgrind.{profile}.{what}"
    found = re.search(r"^(?:summary|totals): (\d+)", file.read_text(), re.M) if file.exists() else None
    return int(found[1]) if found else None


MAPPING = {(line["name"], line["records"]): line for line in lines("mapping.jsonl")}
PYTHON = {line["records"]: line["python"] for line in lines("python.jsonl")}
PROCESS = lines("process.jsonl")


def process(name, **wanted):
    return next(
        line for line in PROCESS
        if line["name"].startswith(name) and all(line.get(key) == value for key, value in wanted.items())
    )


def connector():
    """Returns stixmap's start, idle memory, time for 10 records and the mocks' part of it, the same for 5,000, and memory after; in ms and MB."""
    row = next((line for line in (OUT / "connector.txt").read_text().splitlines() if line.startswith("stixmap")), None)
    if row is None:
        return None
    units = {"s": 1e3, "ms": 1, "µs": 1e-3, "MB": 1}
    return [float(number) * units[unit] for number, unit in re.findall(r"([\d.]+) ?(MB|ms|µs|s)", row)]


def spread_of(name, who):
    """Returns the relative difference between the largest and the smallest time per record over all sizes."""
    times = [MAPPING[name, records][who] for records in (10_000, 100_000, 1_000_000)]
    return max(times) / min(times) - 1


def targets():
    for name in PROFILES:
        ratio = MAPPING[name, 100_000]["ratio"]
        yield f"engine ≤ 1.25 × the yardstick, 100,000 records, {name}", f"{ratio:.2f} ×", ratio <= 1.25
    ratio = MAPPING["riskiq, a text for each record", 100_000]["ratio"]
    yield "≤ 1.5 × with a text of its own for each record, and the profile's conditions", f"{ratio:.2f} ×", ratio <= 1.5
    for name in PROFILES:
        overhead = process(f"map {name}", records=1_000_000)["overhead"]
        yield f"memory ≤ input + 100 MB at 1,000,000 records, {name}", f"input + {overhead:.0f} MB", overhead <= 100
    for name in PROFILES:
        spread, by_hand = (spread_of(name, who) for who in ("engine", "yardstick"))
        measured = f"{spread:.0%}; yardstick {by_hand:.0%}"
        yield f"time of a record within 15 % from 10,000 to 1,000,000, {name}", measured, spread <= 0.15
    ratio = PYTHON[10_000] / MAPPING["riskiq", 10_000]["engine"]
    yield "≥ 300 × Python with stix2 and pycti's ids", f"{ratio:.0f} ×", ratio >= 300
    first = max(process(f"start to first byte, {what}")["milliseconds"] for what in ("list", "map"))
    yield "start to first byte < 15 ms", f"{first:.1f} ms", first < 15
    check = next(line for line in PROCESS if line["name"].endswith("profiles with their cases"))["milliseconds"]
    yield "check of all shipped profiles, with their cases, < 50 ms", f"{check:.1f} ms", check < 50
    if measured := connector():
        start, idle, few, few_theirs, many, many_theirs, after, _ = measured
        yield "connector: start to consuming < 50 ms", f"{start:.1f} ms", start < 50
        yield "connector: idle < 20 MB", f"{idle:.1f} MB", idle < 20
        yield "connector: 10 records < 10 ms beyond the time of the mocks", f"{few - few_theirs:.1f} ms", few - few_theirs < 10
        yield "connector: 5,000 records < 1 s", f"{many:.0f} ms, of which the mocks take {many_theirs:.0f} ms", many < 1_000
        yield "connector: after 5,000 records < 60 MB", f"{after:.0f} MB", after < 60


# Probable cause of a missed target and the next step, by the beginning of the target's name.
NEXT = {
    "engine": "the engine looks up the rule of each record and reads its values one at a time, where the hand-written mapper knows both; most "
    "of the rest is SHA-1 in both. Next: compute the ids of several objects at once, with SIMD instructions.",
    "≤ 1.5": "a description that differs for each record is rendered by the template engine. Next: render templates of placeholders only "
    "without it.",
    "memory": "an observable and a relationship take about 70 bytes each, in addition to the response, which is held as a whole if it is one "
    "JSON document. Next: read such a document row by row from a window.",
    "time of a record": "the objects exceed the processor's caches; lookups and sorting fetch many at once, and the rest is the cost of new "
    "memory pages. Next: store times of relationships as differences.",
    "≥ 300": "the ratio depends on the machine: the same programs reached 353 × where Python was slower. Most of the time is spent on parsing "
    "records, on one processor. Next: resolve the names in conditions and templates to field numbers.",
    "start": "Next: reduce what is read before the first byte.",
    "check": "all cases are compiled with their profiles, on all processors. Next: skip cases that did not change.",
    "connector: start": "registration and the broker's handshake are sequential. Next: run both concurrently.",
    "connector: idle": "more than half is pages of the executable. Next: find out which of them are necessary.",
    "connector: 10 records": "two requests to the provider, four to the platform, and publisher confirms, in sequence. "
    "Next: trace one delivery to find the waits that can be avoided.",
    "connector: 5,000": "each of 10,000 objects is a persistent message that the broker confirms and delivers to a worker: the same messages "
    "take that long without a connector. Next: measure with a broker on its own processors.",
    "connector: after": "the bundle and its parts are in memory at the same time. Next: create the parts as they are sent.",
}


def reason(target):
    return max((begin for begin in NEXT if target.startswith(begin)), key=len)


def missed_rows():
    missed = dict.fromkeys(reason(name) for name, _, met in targets() if not met)
    return [(begin, NEXT[begin]) for begin in missed]


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    stix2, pycti = (importlib.metadata.version(package) for package in ("stix2", "pycti"))
    commit = command("git", "describe", "--always", "--dirty", "--exclude", "*")
    return (
        f"{os.cpu_count()} × {model}, {memory:.0f} GB, {platform.system()} {platform.release()}, load {(OUT / 'load').read_text().strip()} "
        f"before; {command('rustc', '--version')}; Python {platform.python_version()}, stix2 {stix2}, pycti {pycti}; commit {commit}"
    )


def mapping_rows():
    for (name, records), line in MAPPING.items():
        engine, yardstick, parse = line["engine"], line["yardstick"], line["parse"]
        yield name, f"{records:,}", f"**{line['ratio']:.2f}**", f"{engine:,.0f}", f"{yardstick:,.0f}", f"{parse:,.0f}"


def counted_rows():
    for profile in PROFILES:
        counts = {what: instructions(profile, what) for what in ("engine", "yardstick", "parse", "nothing")}
        if None in counts.values():
            continue
        engine, yardstick, parse = ((counts[what] - counts["nothing"]) / 10_000 for what in ("engine", "yardstick", "parse"))
        yield profile, f"{engine / yardstick:.2f}", f"{engine:,.0f}", f"{yardstick:,.0f}", f"{parse:,.0f}"


def functions(profile):
    file = OUT / f"callgrind.{profile}.txt"
    if not file.exists():
        return
    for count, share, name in re.findall(r"^ *([\d,]+) \(([ \d.]+%)\) +\S*?:(.+?) \[", file.read_text(), re.M)[:12]:
        yield share.strip(), f"`{re.sub(r'<|>', '', name)[:90]}`"


def process_rows():
    for line in PROCESS:
        records = f", {line['records']:,} records" if "records" in line else ""
        overhead = f" (input + {line['overhead']:.0f})" if "overhead" in line else ""
        yield line["name"] + records, f"{line['milliseconds']:,.1f}", f"{line['megabytes']:.0f}{overhead}"


def main():
    print("# Benchmarks\n")
    print("Generated by `benches/run`. Times are the minimum of several interleaved repetitions in one run: quote the ratios; absolute")
    print("times depend on this machine.\n")
    print(machine() + ".\n")
    print("## Targets\n")
    print(table(("target", "measured", ""), [(name, measured, "met" if met else "**missed**") for name, measured, met in targets()]))
    if rows := missed_rows():
        print(table(("missed", "probable cause and next step"), [(f"{begin} …", reason) for begin, reason in rows]))
    print("## The engine compared with the yardstick\n")
    print("From the bytes of a response to the bytes of a bundle, with the built-in profile. The yardstick is a mapper written by")
    print("hand for that response (`mapping/yardstick.rs`) whose output is asserted to be identical. For responses above 1 MB, the engine reads")
    print("and maps on two threads, and computes ids, order and text of more than 8,192 objects on all; the yardstick uses one thread. Only")
    print("up to 1,000 records do both use one thread.")
    print("Nanoseconds per record.\n")
    print(table(("response", "records", "ratio", "engine", "yardstick", "parsing only"), mapping_rows()))
    print("Python with `stix2` and pycti's ids: the same response, the same ids (`mapper.py`):\n")
    rows = [(f"{records:,}", f"**{took / MAPPING['riskiq', records]['engine']:.0f}**", f"{took:,.0f}") for records, took in PYTHON.items()]
    print(table(("records", "times the engine", "ns per record"), rows))
    print("## Instructions per record\n")
    print("Counted by callgrind at 10,000 records, without generating the response; the engine's include compiling the profile. Valgrind has")
    print("no SHA instructions, so SHA-1 has a larger share here than in reality.\n")
    print(table(("response", "ratio", "engine", "yardstick", "parsing only"), counted_rows()))
    for profile in PROFILES:
        print(f"By function, {profile}:\n")
        print(table(("share", "function"), functions(profile)))
    print("## The program as a process\n")
    print(table(("what", "ms", "peak MB"), process_rows()))
    print("## The connector\n")
    print("With a broker and a mock platform, compared with a pycti connector that does the same work. The mocks' part is the time of")
    print("their responses, and of the same messages from the broker to the worker without a connector.\n")
    print("```\n" + (OUT / "connector.txt").read_text().rstrip() + "\n```")


main()
