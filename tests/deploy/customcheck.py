"""Check a manifest by a schema, in the environment of kubernetes-validate; both as JSON on stdin.

What is wrong is printed, a line each, and makes the exit code 1. Metadata are checked as those of
any other kind: a CustomResourceDefinition says nothing of them.
"""

from __future__ import annotations

import json
import sys

import jsonschema
from kubernetes_validate import utils


def main() -> None:
    """Check one manifest for one version of Kubernetes."""
    schema, manifest, version = json.load(sys.stdin)
    jsonschema.Draft202012Validator.check_schema(schema)
    wrong = list(jsonschema.Draft202012Validator(schema).iter_errors(manifest))
    metadata = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": manifest["metadata"]}
    try:
        utils.validate(metadata, version, strict=True)
    except jsonschema.ValidationError as error:
        wrong.append(error)
    for each in wrong:
        print(f"{each.json_path}: {each.message}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
