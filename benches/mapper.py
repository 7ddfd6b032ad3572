"""The same mapping in Python, as a connector would do it: from a response of PassiveTotal to a bundle of `stix2`, with ids of pycti.

`mapper.py RESPONSE BUNDLE` maps a response, prints the duration, and asserts that the ids equal those of the engine's bundle.
"""

import json
import re
import sys
import time
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

import stix2
from pycti import Identity, StixCoreRelationship

NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})+")
CREATED = datetime(2024, 3, 1, tzinfo=timezone.utc)
PROVIDER = "RiskIQ PassiveTotal"
MARKING = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"


def observable(rrtype, text, custom):
    """Returns the observable of a record's data; `None` for other types and for invalid data."""
    try:
        if rrtype in ("A", "AAAA"):
            kind = stix2.IPv4Address if ip_address(text).version == 4 else stix2.IPv6Address
            return kind(value=str(ip_address(text)), **custom)
    except ValueError:
        return None
    if rrtype in ("NS", "MX", "CNAME") and NAME.match(text):
        return stix2.DomainName(value=text, **custom)
    if rrtype == "SOA" and "@" in text:
        return stix2.EmailAddress(value=text, **custom)
    return None


def seconds(text):
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")


def mapped(response):
    """Returns the bundle of a response: one object per observable, and one relationship for all periods."""
    author = stix2.Identity(
        id=Identity.generate_id(PROVIDER, "organization"),
        name=PROVIDER,
        identity_class="organization",
        created=CREATED,
        modified=CREATED,
    )
    custom = {"object_marking_refs": [MARKING], "custom_properties": {"x_opencti_created_by_ref": author.id}}
    document = json.loads(response)
    queried = stix2.DomainName(value=document["queryValue"])
    objects, links = {queried.id: queried}, {}
    for row in document["results"]:
        target = observable(row["recordType"], row["resolve"], custom)
        if target is None:
            continue
        objects.setdefault(target.id, target)
        word = "resolves-to" if row["recordType"] in ("A", "AAAA") else "related-to"
        first, last = seconds(row["firstSeen"]), seconds(row["lastSeen"])
        link = links.setdefault((word, target.id), [first, last, set()])
        link[0], link[1] = min(link[0], first), max(link[1], last)
        link[2].add(f"{row['recordType']} record")
    for (word, target), (first, last, words) in links.items():
        relationship = stix2.Relationship(
            id=StixCoreRelationship.generate_id(word, queried.id, target, first),
            relationship_type=word,
            source_ref=queried.id,
            target_ref=target,
            start_time=first,
            stop_time=max(last, first + timedelta(seconds=1)),
            description=", ".join(sorted(words)),
            created=CREATED,
            modified=CREATED,
            created_by_ref=author.id,
            object_marking_refs=[MARKING],
        )
        objects[relationship.id] = relationship
    return stix2.Bundle(objects=[author, *objects.values()], allow_custom=True).serialize()


def main():
    answer_file, bundle_file = sys.argv[1:]
    with open(answer_file, "rb") as file:
        answer = file.read()
    begun = time.perf_counter()
    bundle = mapped(answer)
    took = time.perf_counter() - begun
    records = len(json.loads(response)["results"])
    with open(bundle_file, "rb") as file:
        engine = json.load(file)
    ids = {found["id"] for found in json.loads(bundle)["objects"]} | {MARKING}
    assert ids == {found["id"] for found in engine["objects"]}, "the ids are not those of the engine"
    print(json.dumps({"records": records, "python": took / records * 1e9}))


main()
