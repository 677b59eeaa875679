"""The cluster file's JSON Schema for editors: `python -m gameday.clusters.file_schema` writes it.

It stands beside this module as `cluster_file.schema.json`; a test holds the two equal.
"""

import json
from pathlib import Path
from typing import Any

from gameday.clusters.cluster_file import ClusterFile

PUBLISHED = Path(__file__).parent / "cluster_file.schema.json"


def file_schema() -> dict[str, Any]:
    """Return the JSON Schema of a cluster file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **ClusterFile.model_json_schema(),
    }


def publish() -> None:
    """Write the schema to where it is published."""
    text = json.dumps(file_schema(), indent=2, ensure_ascii=False)
    PUBLISHED.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    publish()
