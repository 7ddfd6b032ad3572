"""A connector on pycti: what it does with the stand-ins shows that they are what a connector expects of OpenCTI.

It asks PEER_PROVIDER, which answers as PassiveTotal does, about each observable, and makes of each A record an address and
a relationship. Everything else of it comes from the environment, as OpenCTI's own connectors are configured.
"""

import os
import urllib.request
import json

import stix2
from pycti import Identity, OpenCTIConnectorHelper, StixCoreRelationship

AUTHOR = stix2.Identity(
    id=Identity.generate_id("RiskIQ PassiveTotal", "organization"),
    name="RiskIQ PassiveTotal",
    identity_class="organization",
)


def mapped(entity, records):
    """The objects that the records about an entity become."""
    objects = []
    for record in records:
        address = stix2.IPv4Address(
            value=record["resolve"],
            object_marking_refs=[stix2.TLP_GREEN.id],
            custom_properties={"x_opencti_created_by_ref": AUTHOR.id},
        )
        relationship = stix2.Relationship(
            id=StixCoreRelationship.generate_id("resolves-to", entity["id"], address.id),
            relationship_type="resolves-to",
            source_ref=entity["id"],
            target_ref=address.id,
            created_by_ref=AUTHOR.id,
            object_marking_refs=[stix2.TLP_GREEN.id],
            allow_custom=True,
        )
        objects += [json.loads(address.serialize()), json.loads(relationship.serialize())]
    return objects


def process(helper, data):
    """One message: the entity's own objects, with what the provider knows of it."""
    entity = data["stix_entity"]
    with urllib.request.urlopen(os.environ["PEER_PROVIDER"] + "/v2/dns/passive?query=" + entity["value"]) as answer:
        records = json.load(answer)["results"]
    objects = data["stix_objects"] + [json.loads(AUTHOR.serialize()), json.loads(stix2.TLP_GREEN.serialize())]
    bundle = helper.stix2_create_bundle(objects + mapped(entity, records))
    sent = helper.send_stix2_bundle(bundle, cleanup_inconsistent_bundle=True)
    return f"Sent {len(sent)} bundles"


if __name__ == "__main__":
    helper = OpenCTIConnectorHelper({}, playbook_compatible=True)
    helper.listen(message_callback=lambda data: process(helper, data))
