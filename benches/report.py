"""Writes the report of what was measured: ratios first, then the targets, the figures, and where the rest goes."""

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
    told = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(told + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def instructions(profile, what):
    """How many a run took, from callgrind; none where it was not there."""
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
    """Of stixmap: start, idle, 10 records and the stand-ins' part of it, 5,000 records and theirs, after; in ms and MB."""
    row = next((line for line in (OUT / "connector.txt").read_text().splitlines() if line.startswith("stixmap")), None)
    if row is None:
        return None
    units = {"s": 1e3, "ms": 1, "µs": 1e-3, "MB": 1}
    return [float(number) * units[unit] for number, unit in re.findall(r"([\d.]+) ?(MB|ms|µs|s)", row)]


def spread_of(name, who):
    """How much longer a record takes at one size than at another."""
    times = [MAPPING[name, records][who] for records in (10_000, 100_000, 1_000_000)]
    return max(times) / min(times) - 1


def targets():
    for name in PROFILES:
        ratio = MAPPING[name, 100_000]["ratio"]
        yield f"engine ≤ 1.25 × the yardstick, 100,000 records, {name}", f"{ratio:.2f} ×", ratio <= 1.25
    ratio = MAPPING["riskiq, a text for each record", 100_000]["ratio"]
    yield "≤ 1.5 × with a text of its own for each record, and the profile's conditions", f"{ratio:.2f} ×", ratio <= 1.5
    for name in PROFILES:
        besides = process(f"map {name}", records=1_000_000)["besides"]
        yield f"memory ≤ input + 100 MB at 1,000,000 records, {name}", f"input + {besides:.0f} MB", besides <= 100
    for name in PROFILES:
        spread, by_hand = (spread_of(name, who) for who in ("engine", "yardstick"))
        told = f"{spread:.0%}; yardstick {by_hand:.0%}"
        yield f"time of a record within 15 % from 10,000 to 1,000,000, {name}", told, spread <= 0.15
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
        yield "connector: 10 records < 10 ms beyond the stand-ins' own time", f"{few - few_theirs:.1f} ms", few - few_theirs < 10
        yield "connector: 5,000 records < 1 s", f"{many:.0f} ms, of which the stand-ins' {many_theirs:.0f} ms", many < 1_000
        yield "connector: after 5,000 records < 60 MB", f"{after:.0f} MB", after < 60


# Why a target is missed, as far as the figures tell, and what is tried next: by how the target begins.
NEXT = {
    "engine": "a record's rule is looked for and its values are told one by one, where the other knows them by heart; most of the "
    "rest is SHA-1, in both. Next: ids of many objects at once, by processors that have the instructions for it.",
    "≤ 1.5": "a text that differs for each record is rendered by the template engine. Next: texts of placeholders alone by our own hand.",
    "memory": "observables and relationships take some 70 octets each, beside the answer, which is held whole where it is one JSON "
    "document. Next: such a document read row by row from a window of it.",
    "time of a record": "what was seen no longer fits the processor's caches. What is known is looked up, and what is sorted is fetched, "
    "many at once; the rest is memory that the system hands out, and writing to it. Next: relationships as differences of times.",
    "≥ 300": "it depends on the machine as much as on us: the same programs made 353 × where Python was slower. Most of our time is "
    "making records of rows, on one processor. Next: names in conditions and texts as numbers of fields.",
    "start": "Next: what is read before the first byte.",
    "check": "all cases are compiled with their profiles, on all processors. Next: cases that did not change since.",
    "connector: start": "registration and the broker's handshake, one after the other. Next: both at once.",
    "connector: idle": "more than half are pages of the program itself. Next: which of them the start needs.",
    "connector: 10 records": "two requests to the provider, four to the platform and the broker's confirms, in turn. "
    "Next: a trace of one delivery, to see which wait is ours.",
    "connector: 5,000": "each of 10,000 objects is a persistent message that the broker confirms and brings to a worker: the same messages "
    "take that time with no connector before them. Next: on a machine where the broker has processors of its own.",
    "connector: after": "the bundle and its pieces exist at once. Next: pieces made as they are sent.",
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
        besides = f" (input + {line['besides']:.0f})" if "besides" in line else ""
        yield line["name"] + records, f"{line['milliseconds']:,.1f}", f"{line['megabytes']:.0f}{besides}"


def main():
    print("# How fast, how small\n")
    print("Written by `benches/run`. Times are the best of several turns of one run, everything in turns beside everything else: the")
    print("ratios are for quoting, the times are this machine's.\n")
    print(machine() + ".\n")
    print("## Targets\n")
    print(table(("target", "measured", ""), [(name, told, "met" if met else "**missed**") for name, told, met in targets()]))
    if rows := missed_rows():
        print(table(("missed", "why, and what is next"), [(f"{begin} …", told) for begin, told in rows]))
    print("## The engine beside the yardstick\n")
    print("Bytes of an answer in, bytes of a bundle out, by the shipped profile; the yardstick is a mapper written by")
    print("hand for that answer (`mapping/yardstick.rs`), whose bytes are asserted to be the same. Answers of more than 1 MB are read by one")
    print("processor and mapped by another, and ids, order and text of more than 8,192 objects are shared by all; the yardstick has one: up")
    print("to 1,000 records, like is compared with like.")
    print("Nanoseconds a record.\n")
    print(table(("answer", "records", "ratio", "engine", "yardstick", "reading alone"), mapping_rows()))
    print("Python with `stix2` and pycti's ids, the same answer to the same ids (`mapper.py`):\n")
    rows = [(f"{records:,}", f"**{took / MAPPING['riskiq', records]['engine']:.0f}**", f"{took:,.0f}") for records, took in PYTHON.items()]
    print(table(("records", "times the engine", "ns a record"), rows))
    print("## Instructions a record\n")
    print("Counted by callgrind at 10,000 records, without making the answer; of the engine, compiling the profile included. Valgrind has")
    print("no SHA instructions, so that SHA-1 weighs more here than on the machine.\n")
    print(table(("answer", "ratio", "engine", "yardstick", "reading alone"), counted_rows()))
    for profile in PROFILES:
        print(f"Where they go, {profile}:\n")
        print(table(("share", "in"), functions(profile)))
    print("## The program as a process\n")
    print(table(("what", "ms", "peak MB"), process_rows()))
    print("## The connector\n")
    print("With a broker and a stand-in for the platform; beside one on pycti that does the same work. The stand-ins' part: the time of")
    print("their answers, and of the same messages from the broker to the worker with nothing before them.\n")
    print("```\n" + (OUT / "connector.txt").read_text().rstrip() + "\n```")


main()
