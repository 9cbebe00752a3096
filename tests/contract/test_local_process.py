"""Child processes: what is promised of their start, their end and their output."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from app.local.process import Output, Process, ProcessFailed

SLEEP = "import time; time.sleep(60)"


def python(name: str, code: str, output: Output | None = None) -> Process:
    return Process(name, [sys.executable, "-u", "-c", textwrap.dedent(code)], output=output)


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that nobody has waited for yet is dead too.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


async def test_every_line_reaches_the_function_under_the_name_of_the_process() -> None:
    lines: list[tuple[str, str]] = []
    process = python("talker", "print('one'); print('two')", Output(on_line=lambda *line: lines.append(line)))
    process.start()
    with pytest.raises(ProcessFailed, match="talker ended before it was ready with exit code 0"):
        await process.ready(no, within=10)
    await process.stop()
    assert lines == [("talker", "one"), ("talker", "two")]


async def test_a_child_that_dies_early_is_reported_with_its_last_lines() -> None:
    process = python("broken", "import sys; print('the disk is gone'); sys.exit(3)")
    process.start()
    with pytest.raises(ProcessFailed) as caught:
        await process.ready(no, within=10)
    assert "exit code 3" in str(caught.value)
    assert "the disk is gone" in str(caught.value)


async def test_a_log_file_is_appended_to_and_the_last_lines_are_of_this_start(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "talker.log"
    process = python("talker", "print('again')", Output(log=log))
    for _ in range(2):
        process.start()
        while process.running:
            time.sleep(0.01)  # noqa: ASYNC251 - nothing else runs in this loop
    assert log.read_text() == "again\nagain\n"
    assert process.tail == "again"


async def test_one_that_never_gets_ready_is_given_up_at_the_deadline() -> None:
    process = python("slow", SLEEP)
    process.start()
    try:
        with pytest.raises(ProcessFailed, match=r"slow was not ready within 0.2 s"):
            await process.ready(no, within=0.2)
    finally:
        await process.kill()


async def test_stop_lets_a_child_end_by_itself() -> None:
    process = python("polite", SLEEP)
    process.start()
    await process.ready(yes, within=10)
    assert await process.stop()
    assert process.returncode == -signal.SIGTERM


async def test_stop_kills_a_child_that_does_not_listen_when_its_grace_is_over() -> None:
    ready: list[str] = []
    process = python(
        "deaf",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(60)",
        Output(on_line=lambda _, line: ready.append(line)),
    )
    process.start()

    async def is_deaf() -> bool:
        return bool(ready)

    await process.ready(is_deaf, within=10)
    assert not await process.stop(grace=0.2)
    assert process.returncode == -signal.SIGKILL


async def test_a_paused_child_can_be_stopped() -> None:
    process = python("frozen", SLEEP)
    process.start()
    process.pause()
    assert process.running
    assert await process.stop(grace=5)


async def test_a_signal_to_a_child_that_is_gone_is_an_error_not_a_shot_in_the_dark() -> None:
    process = python("gone", "pass")
    process.start()
    await process.stop()
    with pytest.raises(ProcessFailed, match="gone is not running"):
        process.pause()


async def test_a_program_that_does_not_exist_is_reported_by_name() -> None:
    process = Process("ghost", ["/nonexistent/ghost"])
    process.start()
    with pytest.raises(ProcessFailed, match="ghost ended before it was ready with exit code 127"):
        await process.ready(no, within=10)
    assert "there is no program /nonexistent/ghost" in process.tail


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends orphans on Linux only")
def test_children_end_when_their_parent_is_killed() -> None:
    parent_code = f"""
    import time
    from app.local.process import Process
    process = Process("child", [{sys.executable!r}, "-c", {SLEEP!r}])
    process.start()
    print(process.pid, flush=True)
    time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(parent_code)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        time.sleep(0.3)  # for the child to have put the leash on
        parent.kill()
    deadline = time.monotonic() + 5
    while alive(child):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.02)
