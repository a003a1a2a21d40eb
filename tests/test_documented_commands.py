"""Every command in README and docs is one that the program accepts, with these options and values."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from infnet_monai.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# In the infnet command, a word in capitals stands for what the reader has.
INFNET = re.compile(r"(?:srun )?infnet ")
BUNDLE_FILE = re.compile(r"bundles/\w+/configs/\w+\.json")


def blocks(text: str):
    """The fenced blocks of a page that hold commands."""
    language, lines = None, []
    for line in text.splitlines():
        if line.startswith("```"):
            if language is None:
                language, lines = line[3:].strip(), []
            else:
                if language in ("", "bash", "sh", "text"):
                    yield "\n".join(lines)
                language = None
        elif language is not None:
            lines.append(line.strip())


def commands(page: Path):
    """The command lines of a page, in fenced blocks and after the prompt-less inline code."""
    text = page.read_text(encoding="utf-8")
    for block in blocks(text):
        for line in block.replace("\\\n", " ").splitlines():
            yield re.split(r"\s+#|\s{3,}", line.strip())[0]


DOCUMENTED = [
    pytest.param(line, id=f"{page.relative_to(ROOT)}: {line[:70]}") for page in PAGES for line in commands(page)
]


def accept(command, words):
    """Parse the words as the command would, without running it."""
    context = command.make_context(command.name or "infnet", list(words))
    if hasattr(command, "commands"):
        _, child, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        accept(child, rest)


@pytest.mark.parametrize("line", [one for one in DOCUMENTED if INFNET.match(one.values[0])])
def test_a_documented_command_is_accepted(line):
    words = shlex.split(INFNET.sub("", line, count=1))
    if words[0].startswith("COMMAND"):
        pytest.skip("stands for any command")
    accept(get_command(app), words)


@pytest.mark.parametrize(
    "line", [one for one in DOCUMENTED if "monai.bundle" in one.values[0] and "bundles/" in one.values[0]]
)
def test_the_config_files_of_a_documented_run_exist(line):
    files = BUNDLE_FILE.findall(line)
    assert files
    assert all((ROOT / file).is_file() for file in files)


@pytest.mark.parametrize("line", [one for one in DOCUMENTED if one.values[0].startswith("make ")])
def test_a_documented_target_of_make_exists(line):
    targets = [word for word in shlex.split(line)[1:] if "=" not in word]
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets
    assert all(re.search(rf"^{target}:", rules, re.MULTILINE) for target in targets)


def test_an_unknown_option_is_noticed():
    with pytest.raises(Exception, match="No such option"):
        accept(get_command(app), ["segment", "SCANS", "-o", "OUT", "--no-such-option"])


def test_commands_are_found():
    assert len(DOCUMENTED) > 60
