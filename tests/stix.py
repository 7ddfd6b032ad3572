"""Reads every bundle of a file, one on each line, with python-stix2, and validates it with OASIS's stix2-validator.

An object that is the same as in a bundle before is not judged again: ten thousand bundles are then judged in seconds.

Warnings about custom properties and about UUIDs that are not random are ours by design: OpenCTI reads the former, and
deterministic ids are the point of the latter. The validator takes a domain name for a host's name; names such as
`_sip._tcp.example.com` (RFC 8552) are names of the DNS, and none of hosts. Everything else is told, and ends with 1.
"""

import json
import re
import sys
from functools import cache
from multiprocessing import Pool

import stix2
from stix2validator import ValidationOptions, validate_instance, validator

EXPECTED = ("{103}", "{401}", "is not a valid UUIDv4")
DNS_NAME = re.compile(r": value: '[0-9a-z_.-]*_[0-9a-z_.-]*' is not a 'idn-hostname'$")

# Schemas are files, which do not change while we look; the validator reads them anew for each object.
validator.load_schema = cache(validator.load_schema)


TLP_1 = (stix2.TLP_WHITE, stix2.TLP_GREEN, stix2.TLP_AMBER, stix2.TLP_RED)
PREDEFINED = {marking.id: json.loads(marking.serialize()) for marking in TLP_1}


def redefined(bundle):
    """Markings of TLP that are not the objects that STIX 2.1 §7.2.1.4 fixes, word for word."""
    for item in bundle["objects"]:
        if item["type"] == "marking-definition" and item != PREDEFINED.get(item["id"], item):
            yield f"{item['id']} is not as STIX fixes it: {item}"


def mistakes(bundle):
    try:
        stix2.parse(bundle, allow_custom=True)
    except Exception as error:  # Its errors do not travel between processes.
        return [f"python-stix2: {error}"]
    result = validate_instance(bundle, ValidationOptions(version="2.1"))
    told = list(redefined(bundle)) + [str(error) for error in result.errors if not DNS_NAME.search(str(error))]
    return told + [str(w) for w in result.warnings if not any(text in str(w) for text in EXPECTED)]


def new(bundle, judged):
    """The bundle without what was judged before."""
    objects = {json.dumps(value, sort_keys=True): value for value in bundle["objects"]}
    left = [value for text, value in objects.items() if text not in judged]
    judged.update(objects)
    return dict(bundle, objects=left)


def main(path):
    judged = set()
    with open(path, encoding="utf-8") as lines:
        bundles = [new(json.loads(line), judged) for line in lines]
    left = [(number, bundle) for number, bundle in enumerate(bundles, 1) if bundle["objects"]]
    with Pool() as pool:
        told = pool.map(mistakes, [bundle for _, bundle in left], chunksize=50)
    found = [f"bundle {number}: {mistake}" for (number, _), those in zip(left, told) for mistake in those]
    print("\n".join(found + [f"{len(bundles)} bundles, {len(judged)} objects"]))
    return 1 if found or not bundles else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
