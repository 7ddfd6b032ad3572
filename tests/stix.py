"""Reads every bundle of a folder with python-stix2, and validates it with OASIS's stix2-validator.

Warnings about custom properties and about UUIDs that are not random are ours by design: OpenCTI reads the former, and
deterministic ids are the point of the latter. The validator takes a domain name for a host's name; names such as
`_sip._tcp.example.com` (RFC 8552) are names of the DNS, and none of hosts. Everything else is told, and ends with 1.
"""

import pathlib
import re
import sys

import stix2
from stix2validator import ValidationOptions, validate_file

EXPECTED = ("{103}", "{401}", "is not a valid UUIDv4")
DNS_NAME = re.compile(r": value: '[0-9a-z_.-]*_[0-9a-z_.-]*' is not a 'idn-hostname'$")


def mistakes(path):
    stix2.parse(path.read_text(), allow_custom=True)
    results = validate_file(str(path), ValidationOptions(version="2.1"))
    for result in results.object_results:
        yield from (str(error) for error in result.errors if not DNS_NAME.search(str(error)))
        yield from (str(w) for w in result.warnings if not any(text in str(w) for text in EXPECTED))
    if not results.is_valid and not results.object_results:
        yield "not valid"


def main(folder):
    paths = sorted(pathlib.Path(folder).glob("*.json"))
    found = [f"{path.name}: {mistake}" for path in paths for mistake in mistakes(path)]
    print("\n".join(found + [f"{len(paths)} bundles"]))
    return 1 if found or not paths else 0


sys.exit(main(sys.argv[1]))
