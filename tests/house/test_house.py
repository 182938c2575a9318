"""The shape of the code: imports go one way, the package is light, names are kept."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rag

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "rag"

# Each stage may import from itself and from what stands before it.
STAGES = [
    ["_version", "datatypes", "errors", "waiting"],
    ["config", "question", "dates", "locations"],
    [
        "formats",
        "corpus",
        "cleaning",
        "sentences",
        "inference",
        "encoder",
        "encoder_onnx",
        "encoder_sentence",
        "ahead",
        "blobs",
        "stores",
        "checkpoint",
        "generations",
        "failures",
        "seen",
        "records",
        "facts",
        "remembered",
        "sketches",
        "filters",
        "progress",
    ],
    ["chunking"],
    ["segments"],
    ["joined"],
    ["assembly"],
    ["ingest"],
    ["moving"],
    ["snapshot"],
    ["ingest_records", "ingest_plan", "ingest_manifest"],
    ["cluster_worker"],
    ["cluster"],
    ["index"],
    ["prepared"],
    ["cluster_ingest"],
    ["watching"],
    ["kept_documents"],
    ["kept_index"],
    ["kept_update"],
    ["lance_index", "milvus_index"],
    ["lance_update", "milvus_update"],
    ["opening"],
    ["cognates", "reader", "citation"],
    ["copies"],
    ["retriever"],
    ["imprint"],
    ["candidates"],
    ["features", "abstention"],
    ["question_words"],
    ["topics"],
    ["referring"],
    ["ellipsis", "focus"],
    ["described"],
    ["conversation"],
    ["pipeline"],
    ["asking", "training"],
    ["evaluation", "web"],
    ["calibrating", "doctor"],
    ["fitting"],
    ["cli", "__main__", "__init__"],
]
RANK = {name: rank for rank, names in enumerate(STAGES) for name in names}


def _stage(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def _imports(path: Path) -> set[str]:
    """Stages that the file imports from, at whatever depth of the code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("rag"):
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("rag.")}
    return found & set(RANK)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_forward_only(path: Path) -> None:
    if path == PACKAGE / "__init__.py":
        return
    stage = _stage(path)
    assert stage in RANK, f"{stage} has no place in the order of stages"
    late = {name for name in _imports(path) if RANK[name] > RANK[stage]}
    assert not late, f"{stage} imports {late}, which come after it"


def test_import_rag_is_light() -> None:
    code = (
        "import sys, rag; heavy = {'torch', 'faiss', 'gradio', 'transformers', 'numpy', 'onnxruntime',"
        " 'sentence_transformers', 'sklearn'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def test_public_names() -> None:
    assert list(rag.__all__) == sorted(rag.__all__)
    for name in rag.__all__:
        assert getattr(rag, name) is not None
    errors = [
        getattr(rag, name) for name in rag.__all__ if name.endswith(("Error", "Missing", "Mismatch", "Busy"))
    ]
    assert all(issubclass(error, rag.RagError) for error in errors)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = rag.nothing_like_it


def test_modules_are_roles() -> None:
    banned = {"utils", "helpers", "manager", "core", "types"}
    assert not {path.stem for path in PACKAGE.rglob("*.py")} & banned


def test_nothing_executable_is_loaded() -> None:
    pattern = re.compile(
        r"\b(?:import pickle|pickle\.loads?|joblib|torch\.load|allow_pickle=True|eval\(|exec\()"
    )
    for path in PACKAGE.rglob("*.py"):
        if "training" not in path.parts:
            assert not pattern.search(path.read_text(encoding="utf-8")), path


def test_no_machine_is_named() -> None:
    """No path of anyone's machine in what is committed."""
    listed = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=False
    ).stdout.splitlines()
    for name in listed:
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".txt", ".js", ".css", ".html", ""} and path.is_file():
            text = path.read_bytes()
            for place in (b"/root" + b"/", b"/home" + b"/", b"/work" + b"/"):
                assert place not in text, f"{name} names {place!r}"


def test_seeds_are_as_given() -> None:
    import hashlib

    found = {p.name: hashlib.sha256(p.read_bytes()).hexdigest()[:16] for p in (ROOT / "seeds").glob("*.txt")}
    assert found == {
        "000_d6cf82728227791b.txt": "38f6a1e2760a476f",
        "001_00a0dee1bbca7409.txt": "4fab328170c771f0",
        "002_54e73b8160326602.txt": "5797fc94bd1345f7",
        "003_8ef5243a76c53072.txt": "a257396a4b026839",
        "004_bc08c20ec2ed826b.txt": "2a3722979d7ed986",
    }


def test_readme_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\bmake (\w+)", readme):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"README says make {target}"
    assert "make chat" in readme
    assert "make test" in readme
