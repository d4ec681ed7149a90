"""What an argument names: a file, standard input, or the text itself."""

import io
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from paramc.diagnostics.model import Label, SourceError, Span
from paramc.source.detect import open_file, open_source, open_text, read_source


def failure(argument, **options):
    with pytest.raises(SourceError) as caught:
        open_source(argument, **options)
    return caught.value.diagnostics


def test_an_argument_that_is_no_file_is_the_text_itself():
    source = open_source("a cat, sitting")
    assert (source.text, source.name, source.carrier, source.place) == ("a cat, sitting", "<text>", "text", "<text>")


def test_a_file_is_opened_by_its_name(tmp_path):
    (tmp_path / "cat.txt").write_bytes(b"a cat\n")
    source = open_source(str(tmp_path / "cat.txt"))
    assert (source.text, source.name, source.carrier) == ("a cat\n", "cat.txt", "text")


def test_a_path_is_always_a_file(tmp_path):
    assert failure(tmp_path / "a cat, sitting")[0].code == "PC100"


def test_the_content_decides_not_the_name(build, tmp_path):
    (tmp_path / "liar.jpg").write_bytes(build.png(build.text("parameters", b"a cat")))
    assert open_source(tmp_path / "liar.jpg").carrier == "png:tEXt:parameters"


def test_bytes_are_the_content_of_a_file(build):
    assert open_source(build.png(build.text("parameters", b"a cat"))).text == "a cat"


def test_a_dash_is_standard_input():
    source = open_source("-", standard_input=io.BytesIO("猫\r\n".encode("utf-16")))
    assert (source.text, source.name, source.encoding) == ("猫\r\n", "<stdin>", "utf-16-le")


def test_an_image_may_come_from_standard_input(build):
    data = build.png(build.text("parameters", b"a cat"))
    assert open_source("-", standard_input=io.BytesIO(data)).place == "<stdin>, parameters"


@pytest.mark.parametrize("name", ["missing.png", "a cat.JPG", "folder/settings.txt", "./cat", "/nowhere/cat", "~/cat"])
def test_a_misspelt_file_name_is_no_prompt(name):
    assert failure(name)[0].message == f"no file is called `{name}`"


@pytest.mark.parametrize("text", ["a cat, photo.png", "first\nsecond.png", "cat.png photo", "x" * 100_000, "a\0b"])
def test_texts_that_only_look_a_little_like_names_are_texts(text):
    assert open_source(text).text == text


def test_a_folder_is_told_with_the_reason(tmp_path):
    (problem,) = failure(str(tmp_path))
    assert problem.code == "PC100" and "directory" in problem.message.lower()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_with_a_name_is_read_like_a_file(build, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_bytes, args=(build.png(build.text("parameters", b"a cat")),))
    writer.start()
    assert open_source(str(pipe)).text == "a cat"
    writer.join()


def test_an_impossible_name_is_told():
    (problem,) = failure(Path("a\0b"))
    assert (problem.code, problem.message) == ("PC100", "`a\0b` cannot be read: embedded null byte")


def test_a_program_is_no_text():
    assert failure(b"\x7fELF\2\1\1" + bytes(40))[0].code == "PC102"


@pytest.mark.parametrize("data", [b"", b" \n\t", b"\xef\xbb\xbf", b"\xff\xfe \0"])
def test_nothing_but_space_is_empty(data):
    assert failure(data)[0].code == "PC104"


def test_an_empty_text_is_not_refused_but_told():
    source = open_text("  \n")
    assert (source.text, [problem.message for problem in source.diagnostics]) == ("  \n", ["`<text>` is empty"])


def test_a_text_beyond_the_limit_is_refused_unread():
    class Endless(io.BytesIO):
        def read(self, size=-1):
            assert size >= 0
            return b"x" * size

    assert failure("-", standard_input=Endless(), limit=1000)[0].code == "PC105"
    assert read_source(b"x" * 1000, limit=1000).text == "x" * 1000


def test_what_the_shell_could_not_decode_is_replaced_and_told():
    source = open_text("caf\udce9 in the rain")
    assert (source.text, source.diagnostics[0].code) == ("caf\ufffd in the rain", "PC111")


def test_foreign_bytes_in_a_file_are_told():
    source = read_source(b"caf\xe9 in the rain", "old.txt")
    assert source.diagnostics[0].message == "1 pieces of `old.txt` are not valid utf-8 and read as U+FFFD"
    assert source.diagnostics[0].labels == (Label(Span(3, 4)),)


def test_placeholders_of_other_programs_are_no_settings(build):
    (problem,) = failure(build.jpeg(build.exif(b"ASCII\0\0\0Screenshot")))
    assert (problem.code, problem.notes) == ("PC103", ("it holds texts under `UserComment`",))


def test_a_settings_line_of_the_extras_tab_is_found_when_there_is_nothing_stronger(build):
    extras = build.text("postprocessing", b"Postprocess upscale by: 2")
    assert read_source(build.png(extras)).carrier == "png:tEXt:postprocessing"
    assert read_source(build.png(build.text("extras", b"Postprocess upscale by: 2"))).carrier == "png:tEXt:extras"
    assert read_source(build.png(extras, build.text("parameters", b"a cat"))).carrier == "png:tEXt:parameters"


def test_a_carrier_of_white_space_is_passed_over(build):
    data = build.png(build.text("parameters", b" \n"), build.chunk(b"eXIf", build.exif(b"ASCII\0\0\0Steps: 20")))
    assert read_source(data).text == "Steps: 20"


def test_reading_a_text_imports_no_image_reader():
    script = (
        "import sys; from paramc.source.detect import open_source; open_source('a cat'); "
        "print([name for name in sys.modules if name in {'paramc.source.png', 'PIL', 'zlib_ng'}])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_device_is_no_file() -> None:
    with pytest.raises(SourceError) as refused:
        open_file(os.devnull)
    assert refused.value.diagnostics[0].code == "PC100"
