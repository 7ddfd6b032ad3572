"""Validates a SARIF log: against the schema of OASIS, and by reading it with sarif-tools. Prints its results by level."""

import json
import sys
from pathlib import Path

from jsonschema import Draft7Validator
from sarif import loader

path = sys.argv[1]
schema = json.loads(Path(__file__).with_name("sarif-schema-2.1.0.json").read_text())
errors = [error.json_path + ": " + error.message for error in Draft7Validator(schema).iter_errors(json.load(open(path)))]
if errors:
    sys.exit("\n".join(errors))
records = loader.load_sarif_files(path).get_records()
print(json.dumps([[r["Severity"], r["Code"], r["Location"], r["Line"]] for r in records]))
