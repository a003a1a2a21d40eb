"""One vocabulary: words that this project does not use, each with what to write instead."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SEARCHED = ("infnet_monai", "workflows", "bundles", "README.md", "docs", "CONTRIBUTING.md")
SUFFIXES = (".py", ".md", ".json", ".j2", ".conf")


class Banned(NamedTuple):
    """A pattern, searched for without regard to case in each line, and what to write instead."""

    pattern: str
    instead: str


VOCABULARY = [
    Banned(r"\banew\b", "again"),
    Banned(r"(?<!ground )(?<!ground-)\btruth\b", "reference (or ground truth)"),
    Banned(r"set_aside", "back_up"),
    Banned(r"\bmini[- ]?batch(es)?\b", "batch, batch size"),
    Banned(r"\btimes as fast\b", "a speed-up of N"),
    Banned(r"\btold apart\b", "detected, distinguished"),
    Banned(r"\b(go|goes|going|gone|went) on\b(?! (top|the)\b)", "resume, continue"),
    Banned(r"\bturned\b(?! (into|off|on)\b)", "reoriented, mirrored, rotated"),
    Banned(r"\bmade of\b", "built from"),
    Banned(r"\bshares? of\b|\b(a|the|as) share\b|_shares?\b", "fraction, %"),
    Banned(r"\b(lies?|lay|lying) (in|beside|below|under) (\w+ )?(folders?|files?|caches?|bundles?)\b", "is stored"),
    Banned(r"\b(a|the|each|every|these|those|all|of) measures?\b", "metric"),
    Banned(r"\bfigures\b(?! \d)", "metrics, statistics (or pictures)"),
    Banned(r"\b(a|each|every|this|that|no|one) figure\b(?! \d)", "metric (or picture)"),
    Banned(r"TODO", "what the code does"),
    Banned(r"/(work|root|home|tmp)/\w", "a path that every machine has"),
]
CODE_IN_SINGLE_BACKTICKS = re.compile(r"(?<![`\w:])`[^`\s][^`]*`(?![`_])")


def searched_files():
    for entry in SEARCHED:
        path = ROOT / entry
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        yield from (file for file in files if file.suffix in SUFFIXES)


def banned_words(text):
    """Line number, words and what to write instead, for every banned word of a text."""
    for number, line in enumerate(text.splitlines(), start=1):
        for banned in VOCABULARY:
            for found in re.finditer(banned.pattern, line, re.IGNORECASE):
                yield number, found[0], banned.instead


def single_backticks(text):
    """Line number and code of what stands in single backticks in the docstrings of a module."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            for number, line in enumerate(first.value.value.splitlines(), start=first.lineno):
                for found in CODE_IN_SINGLE_BACKTICKS.finditer(line):
                    yield number, found[0], f"`{found[0]}`"


def test_no_banned_word_is_used():
    hits = []
    for file in searched_files():
        text = file.read_text(encoding="utf-8")
        found = [*banned_words(text), *(single_backticks(text) if file.suffix == ".py" else ())]
        hits += [f"{file.relative_to(ROOT)}:{line}: '{word}': write {instead}" for line, word, instead in found]
    if hits:
        pytest.fail("\n".join([*hits, f"{len(hits)} banned words"]), pytrace=False)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Draw it anew: the truth, a mini batch", ["anew", "truth", "mini batch"]),
        ("The ground truth, again, in batches", []),
        ("Training goes on; it is turned; the figures", ["goes on", "turned", "figures"]),
        ("Options go on top, text is turned into numbers, Figures 5 and 6", []),
        ("The masks lie in a folder; a share of the slices", ["lie in a folder", "a share"]),
        ("Patients lie on their backs; processes share the lock; values lie below -100", []),
        ("Each measure is computed", ["Each measure"]),
        ("The script measures the structure measure", []),
        ("As said in /root/models", ["/root/m"]),
    ],
)
def test_words_are_found_where_they_are_misused(line, words):
    assert sorted(word for _, word, _ in banned_words(line)) == sorted(words)


def test_code_in_docstrings_stands_in_double_backticks():
    text = '"""Use `axes` of ``meta`` and :func:`load`."""\n# `comments` are free\n'
    assert list(single_backticks(text)) == [(1, "`axes`", "``axes``")]
