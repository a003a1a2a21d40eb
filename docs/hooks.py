"""Pages of the documentation that are made from the code and from the files beside the README."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from typer.main import get_command

import infnet_monai
from infnet_monai.cli import app

ROOT = Path(__file__).parents[1]
FROM_ROOT = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
INNER_ROOMS = ("benchmarks", "cli")  # commands, not for import
CONFIGS = ROOT / "bundles" / "infnet_vgg16" / "configs"  # as generated: the template itself is no JSON
UNDER_DOCS = re.compile(r"\]\(docs/")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made; mkdocs calls this."""
    pages = {target: _from_root(ROOT / source) for source, target in FROM_ROOT.items()}
    pages["reference/api.md"] = _api_page()
    pages["reference/commands.md"] = _commands_page()
    pages["reference/configuration.md"] = _configuration_page()
    for target, text in pages.items():
        files.append(File.generated(config, target, content=text))
    return files


def _from_root(source: Path) -> str:
    """A page of the repository's root, with its links as they are seen from the folder of the documentation."""
    text = UNDER_DOCS.sub("](", source.read_text(encoding="utf-8"))
    for name, target in FROM_ROOT.items():
        text = text.replace(f"]({name}", f"]({target}")
    return text


def _api_page() -> str:
    """Every public name of every room."""
    lines = ["# API", "", "Every public name, room by room."]
    for module in pkgutil.iter_modules(infnet_monai.__path__):
        if module.name in INNER_ROOMS:
            continue
        room = importlib.import_module(f"infnet_monai.{module.name}")
        names = getattr(room, "__all__", [])
        if not names:
            continue
        lines += ["", f"## infnet_monai.{module.name}", "", (room.__doc__ or "").split("\n\n")[0]]
        lines += [f"\n::: infnet_monai.{module.name}.{name}" for name in names if _is_documented(room, name)]
    return "\n".join(lines) + "\n"


def _is_documented(room: Any, name: str) -> bool:
    """Classes and functions; constants and type aliases stand with what uses them."""
    value = getattr(room, name)
    return callable(value) and bool(getattr(value, "__module__", "").startswith("infnet_monai"))


def _commands_page() -> str:
    """Every command with its options."""
    lines = ["# Commands", "", "`infnet COMMAND --help` prints the same; underscores in options mean hyphens."]
    lines += _section(get_command(app), ["infnet"])
    return "\n".join(lines) + "\n"


def _section(command: Any, words: list[str]) -> list[str]:
    children = getattr(command, "commands", {})
    lines = ["", f"{'#' * min(len(words) + 1, 4)} {' '.join(words)}", "", _plain(command.help or "")]
    if not children:
        with command.context_class(command, info_name=" ".join(words)) as context:
            usage = " ".join(command.collect_usage_pieces(context))
            rows = [_row(parameter, context) for parameter in command.params]
        lines += ["", "```text", f"{' '.join(words)} {usage}", "```"]
        lines += ["", "| option | meaning | default |", "|---|---|---|", *rows]
        lines += ["", _plain(command.epilog or "")]
    for name, child in children.items():
        lines += _section(child, [*words, name])
    return lines


def _row(parameter: Any, context: Any) -> str:
    names = ", ".join(f"`{name}`" for name in parameter.opts if "_" not in name)
    if parameter.param_type_name == "argument":
        names = f"`{parameter.metavar or parameter.name.upper()}`"
    default = parameter.get_default(context, call=False)
    shown = "" if default in (None, False, ()) or callable(default) else f"`{default}`"
    cells = (names, _plain(getattr(parameter, "help", None) or ""), shown)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _plain(text: str) -> str:
    """Help without the mark of click that keeps line breaks."""
    return text.replace("\b", "").strip()


def _configuration_page() -> str:
    """The items of every config file of a bundle, with their defaults."""
    lines = [
        "# Configuration of a bundle",
        "",
        "Items of the files in a bundle's `configs` folder that hold a plain value. Each is an option of the command",
        "that runs the file: `--epochs 20` replaces `epochs`. Values that are made from others begin with `$` or `@`.",
    ]
    for path in sorted(CONFIGS.glob("*.json")):
        if path.name == "metadata.json":
            continue
        items = json.loads(path.read_text(encoding="utf-8"))
        rows = [(key, value) for key, value in items.items() if "#" not in key and not _is_structure(value)]
        if rows:
            lines += ["", f"## {path.name}", "", "| item | default |", "|---|---|"]
            lines += [f"| `{key}` | `{json.dumps(value)}` |".replace("||", "\\|\\|") for key, value in rows]
    return "\n".join(lines) + "\n"


def _is_structure(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, dict | str) for one in value))
