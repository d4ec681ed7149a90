"""The command line: streams, exit codes and files."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import paramc
from paramc import cli
from paramc.backends.report import GRADES
from paramc.commands.parser import GRADES as SPELT_GRADES
from paramc.commands.verbs import KEPT

ROOT = Path(paramc.__file__).parents[1]
TEXT = "a red fox\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: sd15"
BROKEN = "a red fox\nSteps: 0, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512"


class Result(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """`run("show", …, stdin=b"")` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str, stdin: bytes = b"") -> Result:
        streams = {"stdin": io.BytesIO(stdin), "stdout": io.BytesIO(), "stderr": io.BytesIO()}
        for name, stream in streams.items():
            monkeypatch.setattr(sys, name, io.TextIOWrapper(stream, encoding="utf-8"))
        code = cli.main(words)
        return Result(code, streams["stdout"].getvalue().decode(), streams["stderr"].getvalue().decode())

    return call


def test_a_text_argument_is_read(run: Run) -> None:
    assert "a red fox" in run("show", TEXT).out


def test_standard_input_is_read_without_an_argument(run: Run) -> None:
    assert "a red fox" in run("show", stdin=TEXT.encode()).out


def test_standard_input_is_read_for_a_dash(run: Run) -> None:
    assert "a red fox" in run("show", "-", stdin=TEXT.encode()).out


def test_several_sources_are_shown_one_after_the_other(run: Run) -> None:
    assert run("show", TEXT, TEXT.replace("fox", "cat")).out.count("source  ") == 2


def test_one_source_that_fails_does_not_stop_the_others(run: Run) -> None:
    result = run("show", "missing.png", TEXT)
    assert (result.code, "a red fox" in result.out, "missing.png" in result.err) == (1, True, True)


def test_an_artefact_is_all_that_goes_to_standard_output(run: Run) -> None:
    assert json.loads(run("convert", TEXT, "--to", "json").out)["prompt"]["text"] == "a red fox"


def test_losses_are_summed_up_on_standard_error(run: Run) -> None:
    assert run("convert", TEXT, "--to", "comfyui").err.startswith("comfyui: ")


def test_the_report_names_every_setting_of_the_source(run: Run) -> None:
    table = run("convert", TEXT, "--to", "comfyui", "--report").err
    assert all(f"\t{key}\t" in table for key in ("Steps", "Sampler", "CFG scale", "Seed", "Size", "Model"))


def test_json_holds_result_report_and_diagnostics(run: Run) -> None:
    document = json.loads(run("convert", TEXT, "--to", "comfyui", "--format", "json").out)
    assert list(document) == ["result", "report", "diagnostics"]


@pytest.mark.parametrize(
    "words",
    [
        ["show", TEXT],
        ["check", TEXT],
        ["convert", TEXT, "--to", "a1111"],
        ["convert", TEXT, "--emit", "tree"],
        ["convert", TEXT, "--emit", "plan"],
        ["diff", TEXT, BROKEN],
        ["fields", TEXT],
        ["explain", "ddim"],
        ["list", "codes"],
        ["list", "targets", "comfyui"],
    ],
    ids=" ".join,
)
def test_every_verb_speaks_json(run: Run, words: list[str]) -> None:
    document = json.loads(run(*words, "--format", "json").out)
    assert (bool(document["result"]), isinstance(document["diagnostics"], list)) == (True, True)


def test_json_leaves_standard_error_empty(run: Run) -> None:
    assert run("convert", TEXT, "--to", "comfyui", "--format", "json").err == ""


def test_json_tells_refusals_too(run: Run) -> None:
    result = run("show", "missing.png", "--format", "json")
    assert (result.code, json.loads(result.out)["diagnostics"][0]["code"]) == (1, "PC101")


def test_diagnostics_in_json_name_their_source(run: Run) -> None:
    document = json.loads(run("check", BROKEN, "--format", "json").out)
    assert {item["source"] for item in document["diagnostics"]} == {"<text>"}


def test_errors_give_one(run: Run) -> None:
    assert run("check", BROKEN).code == 1


def test_settings_with_errors_are_not_converted(run: Run) -> None:
    result = run("convert", BROKEN, "--to", "comfyui", "-o", "out.json")
    assert (result.code, result.out, list(Path().iterdir())) == (1, "", [])


def test_an_edit_may_mend_an_error(run: Run) -> None:
    assert run("convert", BROKEN, "--to", "comfyui", "--set", "sampling.steps=20").code == 0


def test_an_edit_is_typed_as_json(run: Run) -> None:
    job = json.loads(run("convert", TEXT, "--emit", "job", "--set", "sampling.steps=30", "--set", "size=[640,512]").out)
    assert (job["sampling"]["steps"], job["size"]) == (30, [640, 512])


def test_an_edit_that_is_no_json_is_text(run: Run) -> None:
    job = json.loads(run("convert", TEXT, "--emit", "job", "--set", "sampling.sampler=heun").out)
    assert job["sampling"]["sampler"] == "heun"


@pytest.mark.parametrize(("edit", "code"), [("sampling.steps=many", "PC311"), ("sampling.stepps=3", "PC312")])
def test_an_edit_that_cannot_be_made_is_a_matter_of_usage(run: Run, edit: str, code: str) -> None:
    result = run("convert", TEXT, "--to", "json", "--set", edit)
    assert (result.code, code in result.err, result.out) == (2, True, "")


def test_too_low_a_grade_gives_three_and_no_artefact(run: Run) -> None:
    result = run("convert", TEXT.replace("fox", "[fox:cat:0.5]"), "--to", "diffusers", "--at-least", "exact")
    assert (result.code, result.out) == (3, "")


def test_the_grades_of_the_command_line_are_those_of_the_report() -> None:
    assert SPELT_GRADES == GRADES


def test_an_artefact_goes_into_a_file(run: Run) -> None:
    run("convert", TEXT, "--to", "json", "-o", "out.json")
    assert json.loads(Path("out.json").read_bytes())["prompt"]["text"] == "a red fox"


def test_an_artefact_in_a_folder_is_called_like_its_source(run: Run) -> None:
    Path("cat.v2.txt").write_text(TEXT, encoding="utf-8")
    Path("out").mkdir()
    run("convert", "cat.v2.txt", "--to", "json", "-o", "out")
    assert [path.name for path in Path("out").iterdir()] == ["cat.v2.json"]


def test_a_file_that_exists_is_left_alone(run: Run) -> None:
    Path("out.json").write_text("mine", encoding="utf-8")
    result = run("convert", TEXT, "--to", "json", "-o", "out.json")
    assert (result.code, Path("out.json").read_text(encoding="utf-8")) == (2, "mine")


def test_a_dangling_link_counts_as_a_file(run: Run) -> None:
    Path("out.json").symlink_to("nowhere")
    assert run("convert", TEXT, "--to", "json", "-o", "out.json").code == 2


def test_force_writes_over_a_file(run: Run) -> None:
    Path("out.json").write_text("mine", encoding="utf-8")
    assert run("convert", TEXT, "--to", "json", "-o", "out.json", "--force").code == 0


def test_a_file_in_no_folder_is_refused(run: Run) -> None:
    assert run("convert", TEXT, "--to", "json", "-o", "nowhere/x").code == 4


@pytest.mark.skipif(os.name == "nt", reason="needs named pipes")
def test_devices_and_pipes_are_never_replaced(run: Run) -> None:
    os.mkfifo("pipe")
    result = run("convert", TEXT, "--to", "json", "-o", "pipe", "--force")
    assert (result.code, Path("pipe").is_fifo()) == (4, True)


@pytest.mark.parametrize(("file", "text"), [("dialect.toml", "title = "), ("infotext.lark", "start: (((")])
def test_a_malformed_data_folder_is_told_with_its_file(run: Run, file: str, text: str) -> None:
    folder = Path("more", "mine")
    folder.mkdir(parents=True)
    (folder / "dialect.toml").write_text('title = "Mine"\nextends = "a1111"\nengine = "infotext"\n', encoding="utf-8")
    (folder / file).write_text(text, encoding="utf-8")
    result = run("show", TEXT, "--dialect", "mine", "--grammars", "more")
    assert (result.code, "PC804" in result.err, f"more/mine/{file}" in result.err) == (2, True, True)


def test_further_dialects_and_targets_are_listed(run: Run) -> None:
    toys = ROOT / "tests" / "kit" / "toys"
    assert "toy_fork\t" in run("list", "dialects", "--grammars", str(toys / "grammars")).out
    assert "toy_json\t" in run("list", "targets", "--targets", str(toys / "targets")).out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_a_diagnostic() -> None:
    with Path("/dev/full").open("wb") as full:
        words = [sys.executable, "-m", "paramc", "list", "passes"]
        done = subprocess.run(words, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, "PC802" in done.stderr, "Traceback" in done.stderr) == (4, True, False)


def test_a_reader_that_leaves_is_no_error() -> None:
    words = ["bash", "-o", "pipefail", "-c", f"{sys.executable} -m paramc schema job | head -c 1"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "{", "")


@pytest.mark.skipif(os.name == "nt", reason="needs a shell that can close streams")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_error(closed: str) -> None:
    words = f"{sys.executable} -m paramc explain PC621 {closed}"
    done = subprocess.run(["bash", "-c", words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_bug_of_ours_asks_to_be_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "overview", lambda: 1 / 0)
    result = run("--help")
    assert (result.code, "PC810" in result.err, "Traceback" in result.err) == (70, True, False)


def test_a_bug_of_ours_is_traced_for_developers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAMC_DEBUG", "1")
    monkeypatch.setattr(cli, "overview", lambda: 1 / 0)
    assert "Traceback" in run("--help").err


def test_an_interruption_is_quiet(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "overview", interrupt)
    assert run("--help") == Result(130, "", "")


def test_an_interruption_of_long_work_says_that_it_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_do", interrupt)
    assert run("run", "a cat") == Result(130, "", KEPT)


LONG = "x" * 300


@pytest.mark.parametrize(
    "words",
    [
        ["convert", TEXT, "--to", LONG],
        ["convert", TEXT, "--to", "json", "-o", LONG],
        ["convert", TEXT, "--to", "json", "-o", f"{LONG}/x"],
        ["show", TEXT, "--dialect", LONG],
        ["list", "targets", LONG],
        ["list", "targets", "--targets", LONG],
        ["explain", LONG],
        [LONG],
    ],
)
def test_names_that_no_file_system_takes_are_told(run: Run, words: list[str]) -> None:
    assert run(*words).code in (2, 4)


def test_no_word_at_all_prints_the_page_and_counts_as_misuse(run: Run) -> None:
    result = run()
    assert (result.code, result.out, "usage: paramc" in result.err) == (2, "", True)


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["convert", "--help"], ["list", "-h"], ["--version"]])
def test_help_goes_to_standard_output(run: Run, words: list[str]) -> None:
    result = run(*words)
    assert (result.code, bool(result.out), result.err) == (0, True, "")


def test_words_behind_two_dashes_are_no_options(run: Run) -> None:
    assert "--help" in run("show", "--", f"--help\n{TEXT}").out


def test_options_may_stand_between_sources(run: Run) -> None:
    assert len(json.loads(run("show", TEXT, "--format", "json", TEXT).out)["result"]) == 2


def test_a_lone_surrogate_in_an_argument_is_no_crash(run: Run) -> None:
    assert run("convert", TEXT.replace("fox", "\udcff"), "--to", "a1111").code == 0


def test_an_artefact_in_a_pipe_keeps_its_control_characters(run: Run) -> None:
    assert "\x1b[31m" in run("convert", TEXT.replace("fox", "\x1b[31m"), "--to", "a1111").out


@pytest.mark.parametrize("verb", [["show"], ["check"], ["diff", TEXT]])
def test_what_is_laid_out_never_holds_raw_control_characters(run: Run, verb: list[str]) -> None:
    hostile = TEXT.replace("fox", "\x1b[31m\u202e").replace("Model: sd15", "Mo\x07del: \x9b2J, Steps: \x1b[2J")
    result = run(*verb, hostile)
    assert not {"\x1b", "\u202e", "\x9b", "\x07"} & {*result.out, *result.err}


@pytest.mark.parametrize("word", ["-x", "--foo", "-h", "--format=json", "--"])
def test_behind_two_dashes_nothing_is_an_option(run: Run, word: str) -> None:
    assert run("convert", "--to", "a1111", "--", word).out == word


def test_options_may_stand_on_both_sides_of_a_source(run: Run) -> None:
    assert run("convert", "--strict", TEXT, "--to", "a1111").out == TEXT


def test_words_on_both_sides_of_two_dashes_are_all_sources(run: Run) -> None:
    assert [
        source["job"]["prompt"]["text"]
        for source in json.loads(run("show", "--format", "json", "a", "--", "-b").out)["result"]
    ] == [
        "a",
        "-b",
    ]


@pytest.mark.parametrize("words", [("schema", "plan"), ("completion", "zsh"), ("fields", TEXT), ("list", "codes")])
def test_every_command_can_answer_in_json(run: Run, words: tuple[str, ...]) -> None:
    plain, document = run(*words), json.loads(run(*words, "--format", "json").out)
    assert (plain.code, document["diagnostics"]) == (0, [])
    assert document["result"]


def test_a_wrong_option_is_told_in_json_where_json_is_asked_for(run: Run) -> None:
    result = run("fields", "--format", "json", "--foo", TEXT)
    assert (result.code, json.loads(result.out)["diagnostics"][0]["code"]) == (2, "PC800")


@pytest.mark.parametrize("words", [("fields", "--format", "json"), ("show", "--format=json")])
def test_our_own_mistakes_are_told_in_json_too(
    run: Run, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "_console", fail)
    result = run(*words, TEXT)
    assert (result.code, json.loads(result.out)["diagnostics"][0]["code"]) == (70, "PC810")


def test_an_edit_is_not_blamed_on_the_text_that_it_replaced(run: Run) -> None:
    found = json.loads(run("convert", TEXT, "--to", "a1111", "--set", "prompt=(cat", "--format", "json").out)
    assert [(item["code"], item["labels"]) for item in found["diagnostics"]] == [("PC201", [])]


def test_the_fate_of_an_edit_shows_the_new_value(run: Run) -> None:
    found = json.loads(run("convert", TEXT, "--to", "json", "--set", "sampling.steps=31", "--format", "json").out)
    (fate,) = [fate for fate in found["report"]["fates"] if fate["key"] == "Steps"]
    assert (fate["raw"], fate["origin"], fate["span"]) == ("31", "set", None)


def test_no_message_speaks_of_the_library_that_checks_values(run: Run) -> None:
    for edit in (
        "sampling.steps=many",
        "size=5",
        "stages=x",
        "assets.networks=[5]",
        "prompt=[1]",
        "text.emphasis=loud",
    ):
        said = run("convert", TEXT, "--to", "json", "--set", edit)
        assert not any(word in said.err.lower() for word in ("pydantic", "input should", "validation", "valid "))
