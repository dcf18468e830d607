"""Imports run one way, and heavy libraries stay inside functions."""

from __future__ import annotations

import ast
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "spineps_nipype"

# Who may import whom, by the second part of the module name.
BASE = {"errors", "settings", "core"}
SYSTEMS = {"spineps", "totalspineseg", "sc_epi", "spine_segmentation"}
ALLOWED = {
    "errors": set(),
    "settings": set(),
    "core": BASE,
    "phantom": BASE,
    "models": BASE | {"models"},
    **{system: BASE | {"models", "results", "metrics", system} for system in SYSTEMS},
    "bids": BASE | {"bids"},
    "metrics": BASE | {"metrics"},
    "reports": BASE | {"reports"},
    "results": BASE | {"models", "bids", "results"},
    "data": set(),
    "interfaces": BASE | SYSTEMS | {"models", "results", "metrics", "interfaces"},
    "workflows": BASE
    | SYSTEMS
    | {"models", "results", "bids", "metrics", "reports", "interfaces", "workflows", "phantom"},
}
ALLOWED["dropin"] = BASE | {"models", "results", "spineps", "bids", "metrics", "dropin"}
ALLOWED["phantom"] = BASE | {"phantom", "bids"}
HEAVY = {"torch", "nnunetv2", "dynamic_network_architectures"}
HEAVY |= {"onnxruntime", "openvino"}
# These modules are imported inside functions only, so they may name torch at their top.
TORCH_HOMES = ("models/networks/", "models/inference/")


def _modules() -> list[tuple[str, Path]]:
    library = [(p.relative_to(LIBRARY).as_posix(), p) for p in sorted(LIBRARY.rglob("*.py"))]
    flows = ROOT / "workflows"
    return library + [
        (f"workflows/{p.relative_to(flows).as_posix()}", p) for p in sorted(flows.rglob("*.py"))
    ]


MODULES = [(name, path) for name, path in _modules() if name != "__init__.py"]


def _imports(tree: ast.AST, name: str) -> list[tuple[str, bool]]:
    """Absolute dotted targets, each with whether it stands at module level."""
    package = ["spineps_nipype", *name.split("/")[:-1]]
    inside: set[ast.AST] = set()
    typing_only: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inside.update(ast.walk(node))
        if isinstance(node, ast.If) and ast.unparse(node.test) in {
            "TYPE_CHECKING",
            "typing.TYPE_CHECKING",
        }:
            typing_only.update(ast.walk(node))
    found = []
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            found += [(a.name, node not in inside) for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            found += [(f"{stem}.{a.name}", node not in inside) for a in node.names]
    return found


@pytest.mark.parametrize(("name", "path"), MODULES, ids=[n for n, _ in MODULES])
def test_imports_run_one_way(name: str, path: Path) -> None:
    layer = name.split("/")[0].removesuffix(".py")
    for target, at_top in _imports(ast.parse(path.read_text()), name):
        top = target.split(".")[0]
        if top == "spineps_nipype":
            parts = target.split(".")
            other = parts[1] if len(parts) > 1 else ""
            if other and other != "__version__":
                assert other in ALLOWED[layer] | {layer}, f"{name} must not import {target}"
        if top == "nipype":
            assert layer in {"interfaces", "workflows"}, f"{name} must not import nipype"
        if top in HEAVY and at_top:
            assert name.startswith(TORCH_HOMES), f"{name} imports {top} at module level"
        assert top not in {"workflows", "training", "benchmarks"}, f"{name} imports {target}"


def test_help_is_quick_and_light() -> None:
    """The command line answers --help without loading what only a run needs."""
    code = (
        "import sys, time; t = time.perf_counter()\n"
        "from spineps_nipype.workflows.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "heavy = {'torch', 'nipype', 'nibabel', 'scipy', 'TPTBox', 'bids', 'numpy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [
        (["-m", "spineps_nipype.workflows.cli", "--help"], 0.5),
        (["-m", "spineps_nipype.workflows.cli", "--version"], 0.5),
        (["-c", "import spineps_nipype"], 0.1),
    ],
    ids=["help", "version", "import"],
)
def test_programs_start_at_once(arguments: list[str], seconds: float) -> None:
    """In time of the processor, above that of Python itself, whatever else the machine does."""
    assert _start(arguments) - _start(["-c", ""]) < seconds


def test_a_dry_run_does_without_nipype() -> None:
    """It plans with the recipes alone; nipype is a quarter of what could be imported."""
    code = "import sys, spineps_nipype.workflows.app.pipelines; print('nipype' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def _start(arguments: list[str]) -> float:
    """Less processor time of two runs [s]."""
    times = []
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


# Rooms of workflows/, from the lowest floor up: a module imports from its own room and from below.
GRAPHS = {"spineps", "totalspineseg", "sc_epi", "spine_segmentation", "consensus"}
FLOORS = (
    {"options"},
    {"engine"},
    {"stored"},
    {"nodes"},
    {*GRAPHS, "store"},
    {"systems"},
    {"app"},
    {"cli"},
    {"commands"},
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
ROOMS = [(name, path) for name, path in MODULES if name.startswith("workflows/")]


def _room(dotted: str) -> str:
    """Room of a module below ``spineps_nipype.workflows``."""
    return dotted.split(".")[2]


@pytest.mark.parametrize(("name", "path"), ROOMS, ids=[n for n, _ in ROOMS])
def test_rooms_of_the_workflows_import_downwards(name: str, path: Path) -> None:
    room = name.split("/")[1].removesuffix(".py")
    if room == "__init__":
        return
    assert room in FLOOR_OF, f"{name} stands on no floor"
    for target, _ in _imports(ast.parse(path.read_text()), name):
        if target.startswith("spineps_nipype.workflows.") and _room(target) != room:
            other = _room(target)
            assert FLOOR_OF[other] < FLOOR_OF[room], f"{name} must not import {target}"
