"""The tutorial does what it says: every command block of it is run, and its output compared."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.docs.conftest import Shell
from tests.docs.markdown import ROOT, Block, blocks
from tickstock.store.embedded import EmbeddedServer

TUTORIAL = ROOT / "docs" / "tutorial.md"
SET_UP = {"python3 run.py demo", ". .venv/bin/activate"}
"""What cannot be tried from inside a checkout that is set up already."""


@pytest.mark.dates
@pytest.mark.timeout(600)
def test_every_command_of_the_tutorial_answers_as_shown(shell: Shell) -> None:
    with ExitStack() as stack:
        for block in blocks(TUTORIAL.read_text("utf-8")):
            try_block(shell, block)
            if "export TICKSTOCK_HOME" in block.text:
                # Held so that not every command has to start the server again.
                home = Path(shell.environ["TICKSTOCK_HOME"])
                stack.enter_context(EmbeddedServer.join(home))


def try_block(shell: Shell, block: Block) -> None:
    if block.language == "console":
        run_console(shell, block)
    elif block.language == "python":
        check_python(shell, block)
    elif "file=" in block.info:
        write_file(shell, block)
    else:
        assert block.language == "sh", f"line {block.line}: {block.info}"
        assert set(block.text.splitlines()) <= SET_UP, f"line {block.line} is not run"


def run_console(shell: Shell, block: Block) -> None:
    for command, expected in commands(block.text):
        output, code = shell.run(command)
        where = f"tutorial.md, line {block.line}: {command}"
        assert code == 0, f"{where} ended with {code}:\n{output}"
        assert fits(expected, output), f"{where}\n--- shown\n{expected}\n--- came\n{output}"


def commands(text: str) -> list[tuple[str, str]]:
    """Each command with the output that is shown below it."""
    parts = re.split(r"^\$ (.+)\n", text, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def fits(expected: str, output: str) -> bool:
    """`...` is any text on its line; on a line of its own, any lines. Nothing shown: anything.

    Progress, which is JSON lines where there is no terminal, is left out.
    """
    if not expected:
        return True
    came = "".join(
        line.rstrip() + "\n" for line in output.splitlines() if not line.startswith('{"load"')
    )
    pattern = ""
    for line in expected.splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.rstrip().split("...")) + r"\n"
    return re.fullmatch(pattern, came) is not None


def check_python(shell: Shell, block: Block) -> None:
    text = TUTORIAL.read_text("utf-8")
    printed = shell.python(block.text).strip()
    assert f"This prints `{printed}`." in text, printed


def write_file(shell: Shell, block: Block) -> None:
    file = Path(shell.expanded(block.info.partition("file=")[2]))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(block.text, "utf-8")


def test_output_that_differs_does_not_fit() -> None:
    assert fits("a\n...\nd ... f\n", "a\nb\nc\nd 1 f\n")
    assert not fits("a\nb\n", "a\nc\n")
    assert not fits("a\n", "a\nb\n")
