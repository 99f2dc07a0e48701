"""The shape of the code: layers, what each may know, and the map of it in ARCHITECTURE.md."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "podfence"
MODULES = sorted(PACKAGE.rglob("*.py"))

# What CPython's documentation marks as Unix or Linux only.
UNIX_ONLY = (
    "crypt", "fcntl", "grp", "nis", "ossaudiodev", "posix", "pty", "pwd", "resource", "spwd", "syslog",
    "termios", "tty",
)  # fmt: skip

IMPORT_EVERYTHING = """
import builtins, importlib, sys
real, unix_only = builtins.__import__, set(sys.argv[1].split())
def guarded(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__", "")
    if importer.split(".")[0] == "podfence" and not level and name.split(".")[0] in unix_only:
        raise ImportError(f"{importer} imports {name}")
    return real(name, globals, locals, fromlist, level)
builtins.__import__ = guarded
for module in sys.argv[2:]:
    importlib.import_module(module)
"""


def name_of(module: Path) -> str:
    """Give a module's dotted name."""
    parts = ("podfence", *module.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


def imports(module: Path) -> Iterator[str]:
    """Name the top-level packages that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def in_layer(*layers: str) -> list[Path]:
    """List the modules of some layers."""
    return [module for module in MODULES if module.relative_to(PACKAGE).parts[0] in layers]


def test_the_import_contracts_hold() -> None:
    program = "import sys; from importlinter.cli import lint_imports_command as run; run()"
    command = [sys.executable, "-c", program, "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_can_be_imported_where_only_portable_modules_exist() -> None:
    names = [name_of(module) for module in MODULES]
    command = [sys.executable, "-c", IMPORT_EVERYTHING, " ".join(UNIX_ONLY), *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", in_layer("model", "engine"), ids=name_of)
def test_model_and_engine_import_only_the_standard_library_and_msgspec(module: Path) -> None:
    assert set(imports(module)) <= sys.stdlib_module_names | {"podfence", "msgspec"}


@pytest.mark.parametrize(
    "module", [module for module in MODULES if module not in in_layer("cli", "report", "lab")], ids=name_of
)
def test_only_the_command_line_and_the_reports_print(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not names & {"print", "input"}
    assert not attributes & {"stdout", "stderr"}


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_every_module_says_what_it_is_for(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))


@pytest.mark.parametrize("module", [m for m in MODULES if m.name == "__init__.py"], ids=name_of)
def test_a_package_file_holds_its_docstring_only(module: Path) -> None:
    body = ast.parse(module.read_text(encoding="utf-8")).body
    version_only = [ast.unparse(node).split(" = ")[0] for node in body[1:]]
    assert version_only == (["__version__"] if module.parent == PACKAGE else [])


def test_every_path_named_in_the_architecture_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = [word for word in re.findall(r"`([^`\s]+)`", text) if re.search(r"/|\.(py|md|toml)$", word)]
    assert len(named) > 10
    missing = [name for name in named if not (ROOT / name).exists() and not (PACKAGE / name).exists()]
    assert missing == []


def test_every_package_is_described_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    packages = {module.relative_to(PACKAGE).parts[0] for module in MODULES if module.parent != PACKAGE}
    assert {name for name in packages if f"`{name}/`" not in text} == set()
