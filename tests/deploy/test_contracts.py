"""The schemas and the AsyncAPI document are what those who wrote the formats take for valid."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import unavailable
from tests.deploy import tools
from topics.schema import documents

pytestmark = pytest.mark.deploy


def tool(fetch: Callable[[], Path]) -> Path:
    try:
        return fetch()
    except tools.ToolMissing as error:
        unavailable(str(error))
        raise


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in documents().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def asyncapi(path: Path) -> dict[str, Any]:
    node = tool(tools.asyncapi_parser)
    script = Path(__file__).parent / "asyncapi.mjs"
    done = subprocess.run(["node", str(script), str(node), str(path)], capture_output=True, check=True, timeout=120)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_schemas_are_valid_by_their_own_schema(folder: Path) -> None:
    schemas = [str(path) for path in folder.glob("*.json") if path.name != "asyncapi.json"]
    checker = tool(tools.check_jsonschema)
    done = subprocess.run(
        [str(checker), "--check-metaschema", *schemas], capture_output=True, text=True, check=False, timeout=120
    )
    assert len(schemas) > 5
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_asyncapi_document_is_valid(folder: Path) -> None:
    found = asyncapi(folder / "asyncapi.json")
    assert found["valid"]
    assert [said for said in found["said"] if said["severity"] <= 1] == []


def test_a_document_that_is_not_valid_would_be_noticed(folder: Path) -> None:
    document = json.loads((folder / "asyncapi.json").read_text(encoding="utf-8"))
    document["operations"]["raw"]["channel"]["$ref"] = "#/channels/gone"
    (folder / "asyncapi.json").write_text(json.dumps(document), encoding="utf-8")
    found = asyncapi(folder / "asyncapi.json")
    assert not found["valid"] and found["said"]
