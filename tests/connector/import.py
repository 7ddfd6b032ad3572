"""pycti imports what was pushed, one bundle of one object after the other, as OpenCTI's worker does: its STIX helpers read every
object and say what they would create. Nothing is sent: what they ask of the platform is kept and looked at."""

import json
import pathlib
import re
import sys
from datetime import datetime

from pycti import OpenCTIApiClient, StixCoreRelationship


class Platform(OpenCTIApiClient):
    """A client whose platform says yes to everything."""

    def __init__(self):
        super().__init__("http://platform.invalid", "token", log_level="error", perform_health_check=False)
        self.created = []

    def query(self, query, variables=None, *_, **__):
        name = re.search(r"\{\s*(\w+)", query).group(1)
        if name == "vocabularyCategories":
            return {"data": {name: []}}
        if not name.endswith("Add"):
            return {"data": {name: {"edges": [], "pageInfo": {}}}}
        self.created.append((name, variables))
        return {"data": {name: {"id": f"internal-{len(self.created)}", "entity_type": "Thing", "parent_types": []}}}


# How the platform knows the levels of TLP, by the ids that it seeds them with.
MARKINGS = {
    f"marking-definition--{uuid}": {"definition_type": "TLP", "definition": definition}
    for uuid, definition in {
        "613f2e26-407d-48c7-9eca-b8e91df99dc9": "TLP:CLEAR",
        "34098fce-860f-48ae-8e50-ebd3cc5e41da": "TLP:GREEN",
        "f88d31f6-486f-44da-b317-01333bde0b82": "TLP:AMBER",
        "826578e1-40ad-459f-bc73-ede076f81f37": "TLP:AMBER+STRICT",
        "5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "TLP:RED",
    }.items()
}


def expected(item):
    """Which creation an object must lead to, and what must be said in it."""
    kind = item["type"]
    if kind == "relationship":
        said = {"fromId": item["source_ref"], "toId": item["target_ref"], "relationship_type": item["relationship_type"]}
        return "stixCoreRelationshipAdd", {**said, "start_time": item.get("start_time"), "stop_time": item.get("stop_time")}
    if kind == "identity":
        return "organizationAdd", {"name": item["name"], "stix_id": item["id"]}
    if kind == "marking-definition":
        assert "x_opencti_granted_refs" not in item, item
        return "markingDefinitionAdd", {"stix_id": item["id"], **MARKINGS.get(item["id"], {})}
    return "stixCyberObservableAdd", {"stix_id": item["id"]}


def derived(item):
    """The id that connectors on pycti give it: of a relationship by its first time, which they have without a zone."""
    if item["type"] == "relationship":
        first = item.get("start_time") and datetime.fromisoformat(item["start_time"].removesuffix("Z"))
        return StixCoreRelationship.generate_id(
            item["relationship_type"], item["source_ref"], item["target_ref"], first or None
        )
    if item["type"] == "identity":
        return platform.stix2.generate_standard_id_from_stix(item)
    # Markings of TLP have ids of their own; observables are proved elsewhere.
    return None


platform = Platform()
objects = 0
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
    bundle = json.loads(path.read_text())
    [item] = json.loads(path.read_text())["objects"]
    platform.created.clear()
    imported, failed = platform.stix2.import_bundle(bundle)
    assert (len(imported), failed) == (1, []), (item, imported, failed)
    name, said = expected(item)
    mains = [variables for created, variables in platform.created if created == name]
    assert len(mains) == 1, (item, platform.created)
    given = {**mains[0], **mains[0].get("input", {})}
    for key, value in said.items():
        assert given.get(key) == value, (item["id"], key, given.get(key), value)
    assert (given.get("objectMarking") or []) == item.get("object_marking_refs", []), (item, given)
    # Where there is no author, pycti has a mark that is no text.
    author = given.get("createdBy") if isinstance(given.get("createdBy"), str) else None
    assert author == (item.get("created_by_ref") or item.get("x_opencti_created_by_ref")), (item, given)
    # Identities and markings are not shared by those who create them.
    shared = item.get("x_opencti_granted_refs", []) if name.startswith("stix") else []
    assert (given.get("objectOrganization") or []) == shared, (item, given)
    assert derived(item) in (None, item["id"]), item
    objects += 1
print(f"{objects} objects")
