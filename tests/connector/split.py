"""pycti's own splitter reads the bundles in a folder: nothing in them is dropped, and no reference is cut."""

import json
import pathlib
import sys

from pycti.utils.opencti_stix2_splitter import OpenCTIStix2Splitter


def references(item):
    """What an object names, its markings aside: those are on the platform."""
    named = {key: value for key, value in item.items() if key.endswith(("_ref", "_refs")) and key != "object_marking_refs"}
    return json.dumps(named, sort_keys=True)


count = 0
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
    bundle = json.loads(path.read_text())
    before = {item["id"]: references(item) for item in bundle["objects"]}
    if not before:
        continue
    expectations, incompatible, parts = OpenCTIStix2Splitter().split_bundle_with_expectations(
        json.dumps(bundle), use_json=True, cleanup_inconsistent_bundle=True
    )
    items = [item for part in parts for item in json.loads(part)["objects"]]
    after = {item["id"]: references(item) for item in items}
    assert not incompatible, (path, incompatible)
    assert expectations == len(parts) == len(before), (path, expectations, len(parts), len(before))
    assert after == before, path
    count += 1
print(f"{count} bundles")
