"""`paramc submit` and `paramc doctor` against a server that says what the real one was recorded to say."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from paramc.cli import main
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import ServerError
from paramc.server.address import read_address
from paramc.server.channel import Channel
from paramc.server.client import Client, Ticket
from paramc.server.follow import Update, Waits, follow
from paramc.server.transfer import TRIES, Wire
from tests.kit.comfy_server import CERTIFICATE, Script, Server, recorded, serving, text_frame

TEXT = "a cat\nNegative prompt: dog\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 5, Size: 512x512, Model: dream"
OVER = "HTTP/1.1 200 OK\r\nContent-Length: "


class Said:
    """What came of one call of the command line."""

    def __init__(self, code: int, out: str) -> None:
        document = json.loads(out)
        self.code, self.result = code, document["result"]
        self.codes = [item["code"] for item in document["diagnostics"]]
        self.texts = {item["code"]: item["message"] for item in document["diagnostics"]}
        self.all: list[dict[str, Any]] = document["diagnostics"]


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a verb against a server; pictures go to `tmp_path/out`."""
    (tmp_path / "out").mkdir()

    def run(verb: str, server: Server, *words: str, source: str = TEXT) -> Said:
        where = ["-o", str(tmp_path / "out")] if verb == "submit" else []
        code = main([verb, source, "--server", server.url, "--format", "json", *where, *words])
        return Said(code, capsys.readouterr().out)

    return run


def kept(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("run", ["saveimage_run", "saveimage_run_cached"])
def test_a_recorded_run_gives_its_pictures(call: Any, tmp_path: Path, run: str) -> None:
    with serving(Script(run)) as server:
        said = call("submit", server)
    names = [image["filename"] for image in recorded("ws")[run]["history_entry"]["outputs"]["2"]["images"]]
    assert (said.code, kept(tmp_path / "out")) == (0, names)


def test_the_order_holds_graph_client_and_workflow(call: Any) -> None:
    with serving(Script()) as server:
        call("submit", server)
    (order,) = server.heard.orders
    assert order["prompt"]["5"]["inputs"]["sampler_name"] == "dpmpp_2m"
    assert order["client_id"]
    assert len(order["extra_data"]["extra_pnginfo"]["workflow"]["nodes"]) == len(order["prompt"])


def test_a_file_in_a_folder_of_the_server_is_found_and_told(call: Any) -> None:
    with serving(Script()) as server:
        said = call("submit", server)
    assert server.heard.orders[0]["prompt"]["1"]["inputs"]["ckpt_name"] == "sdxl/dream.safetensors"
    assert said.texts["PC851"] == "`dream.safetensors` is `sdxl/dream.safetensors` on the server"


def test_the_user_may_name_another_file(call: Any) -> None:
    with serving(Script()) as server:
        call("submit", server, "--rename", "dream.safetensors=other.ckpt")
    assert server.heard.orders[0]["prompt"]["1"]["inputs"]["ckpt_name"] == "other.ckpt"


def test_a_missing_file_stops_before_anything_is_handed_in(call: Any) -> None:
    with serving(Script()) as server:
        said = call("submit", server, source=TEXT.replace("a cat", "a cat <lora:ink_v1:0.7>"))
    assert (said.code, server.heard.orders) == (1, [])
    (item,) = [item for item in said.all if item["code"] == "PC844"]
    assert "styles/ink_v2.safetensors" in item["help"]
    assert TEXT.replace("a cat", "a cat <lora:ink_v1:0.7>")[slice(*_place(item))] == "ink_v1"


def _place(item: dict[str, Any]) -> tuple[int, int]:
    (label,) = item["labels"]
    return label["start"], label["end"]


ERRORS = recorded("api_errors")


@pytest.mark.parametrize("name", [name for name in ERRORS if ERRORS[name]["status"] != 200])
def test_every_recorded_refusal_is_explained(call: Any, name: str) -> None:
    with serving(Script(status=ERRORS[name]["status"], answer=ERRORS[name]["response"])) as server:
        said = call("submit", server)
    assert said.code == 1
    assert {"PC841", "PC842", "PC844", "PC845"} & set(said.codes)


@pytest.mark.parametrize(
    ("name", "path", "message"),
    [
        (
            "value_not_in_list",
            "sampling.sampler",
            "the server does not take `Euler a` for `Sampler`: it is none of its words",
        ),
        ("seed_minus_one", "noise.seed", "the server does not take `-1` for `Seed`: value -1 smaller than min of 0"),
        (
            "invalid_input_type",
            "sampling.steps",
            "the server does not take `many` for `Steps`: failed to convert an input value to a INT value",
        ),
    ],
)
def test_a_refused_value_points_at_its_setting(call: Any, name: str, path: str, message: str) -> None:
    with serving(Script(status=400, answer=ERRORS[name]["response"])) as server:
        said = call("submit", server)
    (item,) = [item for item in said.all if item["code"] == "PC842"]
    assert (item["path"], item["message"], len(item["labels"])) == (path, message, 1)


def test_a_graph_that_is_accepted_in_part_still_gives_its_pictures(call: Any, tmp_path: Path) -> None:
    with serving(Script(answer=ERRORS["one_good_output_one_bad"]["response"])) as server:
        said = call("submit", server)
    assert said.code == 1
    assert "PC856" in said.codes
    assert len(kept(tmp_path / "out")) == 2


def test_a_node_that_fails_is_named_with_its_reason(call: Any) -> None:
    with serving(Script("execution_error")) as server:
        said = call("submit", server)
    assert said.code == 1
    assert (
        said.texts["PC846"]
        == "Positive prompt (node 3) failed on the server: Error while deserializing header: header too small"
    )


@pytest.mark.parametrize("script", [Script(drops=4), Script(no_line=True), Script(frames=b"\xff" * 40)])
def test_a_lost_line_costs_no_picture(call: Any, tmp_path: Path, script: Script) -> None:
    with serving(script) as server:
        said = call("submit", server)
    assert said.code == 0
    assert "PC850" in said.codes
    assert len(kept(tmp_path / "out")) == 2


def test_previews_and_nonsense_on_the_line_are_let_go(call: Any, tmp_path: Path) -> None:
    noise = text_frame(b"\x00\x00\x00\x01picture" * 9000, 0x82) + text_frame(b"{no json") + text_frame(b"[" * 100_000)
    with serving(Script(frames=noise + text_frame(b"??", 0x89))) as server:
        said = call("submit", server)
    assert "PC850" not in said.codes
    assert server.heard.frames[0].startswith(b"\x8a\x82")  # the answer to the question
    assert len(kept(tmp_path / "out")) == 2


def test_an_order_whose_answer_is_lost_is_given_again(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paramc.server.client.PAUSE", 0.0)
    with serving(Script(deaf=1)) as server:
        said = call("submit", server)
    assert said.code == 0
    assert len({order["prompt_id"] for order in server.heard.orders}) == 1


def test_an_order_that_got_through_is_not_given_again() -> None:
    with serving(Script(deaf=1, hangs=True)) as server:
        client = Client(Wire(read_address(server.url), rest=lambda pause: None))
        assert client.queue({}, None, Ticket("c", "j")) == (200, {"prompt_id": "j"})
    assert len(server.heard.orders) == 1


def test_the_keyboard_takes_the_job_back(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(channel: Channel, wait: float) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(Channel, "receive", interrupt)
    with serving(Script(hangs=True, silent=True)) as server:
        said = call("submit", server)
    assert (said.code, "PC855" in said.codes) == (130, True)
    assert server.heard.posts == [("queue", {"delete": [server.job]}), ("interrupt", {"prompt_id": server.job})]


def test_an_old_server_names_the_job_itself(call: Any, tmp_path: Path) -> None:
    with serving(Script(answer={"prompt_id": "server-1", "number": 0, "node_errors": {}}, no_line=True)) as server:
        call("submit", server)
    assert "/history/server-1" in server.heard.paths
    assert len(kept(tmp_path / "out")) == 2


def test_a_job_that_takes_too_long_is_taken_back(call: Any) -> None:
    with serving(Script(hangs=True, silent=True)) as server:
        said = call("submit", server, "--timeout", "1")
    assert (said.code, said.codes) == (1, ["PC851", "PC854"])
    assert server.heard.posts[0][0] == "queue"


def test_a_job_that_the_server_forgets_is_given_up(call: Any) -> None:
    with serving(Script(no_line=True)) as server:
        client = Client(Wire(read_address(server.url), rest=lambda pause: None))
        client.queue({}, None, Ticket("c", "other"))
        server.script.hangs, server.done = True, True
        with pytest.raises(Exception, match="PC853"):
            follow(client, None, Ticket("c", "j"), lambda update: None, Waits())


def test_a_server_that_is_away_for_a_while_is_waited_for() -> None:
    with serving(Script(no_line=True, absent=2 * TRIES)) as server:
        client = Client(Wire(read_address(server.url), rest=lambda pause: None))
        client.queue({}, None, Ticket("c", "j"))
        ended = follow(client, None, Ticket("c", "j"), lambda update: None, Waits())
    assert ended.entry["outputs"]
    assert server.script.absent == 0


def test_a_server_that_others_say_is_away_is_waited_for() -> None:
    with serving(Script(no_line=True, away=2 * TRIES)) as server:
        client = Client(Wire(read_address(server.url), rest=lambda pause: None))
        client.queue({}, None, Ticket("c", "j"))
        ended = follow(client, None, Ticket("c", "j"), lambda update: None, Waits())
    assert ended.entry["outputs"]
    assert server.script.away == 0


def test_a_job_that_cannot_be_taken_back_still_says_why_it_ended(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(client: Client, ticket: Ticket) -> None:
        raise ServerError(diagnose("PC840", url="x", reason="y"))

    monkeypatch.setattr(Client, "cancel", away)
    with serving(Script(hangs=True, silent=True)) as server:
        said = call("submit", server, "--timeout", "1")
    assert (said.code, said.codes) == (1, ["PC851", "PC854"])


def test_a_server_that_stays_away_is_given_up() -> None:
    with serving(Script(no_line=True, absent=2 * TRIES)) as server:
        client = Client(Wire(read_address(server.url), rest=lambda pause: None))
        client.queue({}, None, Ticket("c", "j"))
        with pytest.raises(ServerError, match="PC840"):
            follow(client, None, Ticket("c", "j"), lambda update: None, Waits(away=-1))


def test_a_secured_server_paints_where_its_certificate_is_trusted(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with serving(Script(secured=True)) as server:
        said = call("submit", server)
    assert (said.code, said.codes) == (0, ["PC851"])
    assert len(kept(tmp_path / "out")) == len(server.heard.views)
    assert "/ws" in server.heard.paths


def test_a_certificate_that_nobody_trusts_ends_it_before_anything_is_sent(call: Any) -> None:
    with serving(Script(secured=True)) as server:
        said = call("submit", server)
    assert (said.code, said.codes) == (1, ["PC858"])
    assert server.heard.paths == []


def test_name_and_password_of_an_address_go_with_every_question_and_into_no_message(call: Any) -> None:
    with serving(Script()) as server:
        address = server.url.replace("://", "://me:se%20cret@")
        client = Client(Wire(read_address(address)))
        ticket = Ticket("c", "j")
        client.listen(ticket).close()
        client.nodes()
    assert server.heard.logins == {"Basic " + b64encode(b"me:se cret").decode()}
    assert "cret" not in client.wire.odd("/x", "with nonsense").diagnostics[0].message


def test_a_silent_line_does_not_hide_the_end() -> None:
    with serving(Script(silent=True)) as server:
        client = Client(Wire(read_address(server.url)))
        ticket = Ticket("c", "j")
        channel = client.listen(ticket)
        client.queue({}, None, ticket)
        ended = follow(client, channel, ticket, lambda update: None, Waits(quiet=0.05))
        channel.close()
    assert ended.said == ()
    assert ended.entry["outputs"]


def test_a_server_behind_a_path_is_asked_there(call: Any, tmp_path: Path) -> None:
    with serving(Script(base="/comfy/ui")) as server:
        said = call("submit", server)
    assert said.code == 0
    assert len(kept(tmp_path / "out")) == len(
        recorded("ws")["saveimage_run"]["history_entry"]["outputs"]["2"]["images"]
    )
    assert {path.split("/")[1] for path in server.heard.paths} == {"object_info", "ws", "history", "view"}


def test_a_place_in_the_queue_is_told_until_the_job_begins() -> None:
    told: list[Update] = []
    with serving(Script(queue=3)) as server:
        client = Client(Wire(read_address(server.url)))
        ticket = Ticket("c", "j")
        channel = client.listen(ticket)
        client.queue({}, None, ticket)
        follow(client, channel, ticket, told.append, Waits())
        channel.close()
    assert told[0] == Update("", queued=3)
    begun = next(place for place, update in enumerate(told) if update.node)
    assert [update for update in told[begun:] if update.queued] == []


@pytest.mark.parametrize(
    ("path", "status", "code", "remedy"),
    [
        ("/object_info", 401, "PC861", "name and password"),
        ("/object_info", 403, "PC862", "login"),
        ("/prompt", 407, "PC863", "log in there"),
        ("/prompt", 413, "PC864", "max-upload-size"),
        ("/upload/image", 413, "PC864", "smaller picture"),
    ],
)
def test_a_refusal_says_what_to_do(call: Any, tmp_path: Path, path: str, status: int, code: str, remedy: str) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "start.png")
    body = b"<html>no</html>"
    answer = f"HTTP/1.1 {status} No\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    with serving(Script(raw={path: answer})) as server:
        said = call("submit", server, "--inputs", str(tmp_path), source=_graph("start.png"))
    assert said.code == 1
    assert all(word in said.texts[code] for word in (server.url, path, str(status)))
    assert [remedy in str(item) for item in said.all if item["code"] == code] == [True]


def test_a_name_in_any_script_goes_to_the_server_as_it_is(call: Any, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "夢 été.png")
    with serving(Script()) as server:
        said = call("submit", server, "--inputs", str(tmp_path), source=_graph("夢 été.png"))
    assert said.code == 0
    assert 'filename="夢 été.png"'.encode() in server.heard.uploads[0]


def test_results_of_several_nodes_are_all_fetched(call: Any, tmp_path: Path) -> None:
    made = [{"filename": f"x_{number}.png", "subfolder": "", "type": "output"} for number in range(3)]
    with serving(Script(results={"9": {"images": made[:2]}, "12": {"images": made[2:], "text": ["a"]}})) as server:
        said = call("submit", server)
    assert (said.code, kept(tmp_path / "out")) == (0, ["x_0.png", "x_1.png", "x_2.png"])
    assert [image["node"] for image in said.result] == ["9", "9", "12"]


def test_pictures_that_go_in_are_handed_over_under_the_servers_names(call: Any, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "start.png")
    with serving(Script()) as server:
        said = call("submit", server, "--inputs", str(tmp_path), source=_graph("start.png"))
    assert said.code == 0
    assert server.heard.orders[0]["prompt"]["10"]["inputs"]["image"] == "paramc/given (1).png"
    assert b'filename="start.png"' in server.heard.uploads[0]


def test_only_pictures_are_handed_over(call: Any, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_text("password", encoding="utf-8")
    with serving(Script()) as server:
        said = call("submit", server, "--inputs", str(tmp_path), source=_graph("secret.png"))
    assert server.heard.uploads == []
    assert said.texts["PC848"].endswith("it is no picture")


def test_a_picture_that_is_nowhere_is_told(call: Any) -> None:
    with serving(Script()) as server:
        said = call("submit", server, source=_graph("../../gone.png"))
    assert said.texts["PC848"] == "`../../gone.png` was not handed to the server: there is no such file here"


@pytest.mark.parametrize(
    "name", ["../../evil.png", "/etc/evil.png", "C:\\evil.png", "..\\..\\evil.png", ".evil.png", "evil.sh"]
)
def test_results_stay_in_their_folder_whatever_the_server_calls_them(call: Any, tmp_path: Path, name: str) -> None:
    results = {"9": {"images": [{"filename": name, "subfolder": "../..", "type": "output"}]}}
    with serving(Script(results=results)) as server:
        call("submit", server)
    assert kept(tmp_path) == ["out/evil.png"]


def test_a_result_that_is_no_picture_is_not_kept(call: Any, tmp_path: Path) -> None:
    with serving(Script(view=b"#!/bin/sh\n")) as server:
        said = call("submit", server)
    assert said.texts["PC849"] == "a result of the server was not kept: `demo_00002_.png` is neither picture nor film"
    assert kept(tmp_path) == []


def test_no_file_is_written_over(call: Any, tmp_path: Path) -> None:
    (tmp_path / "out" / "demo_00001_.png").write_bytes(b"mine")
    with serving(Script()) as server:
        call("submit", server)
    assert kept(tmp_path / "out") == ["demo_00001_-1.png", "demo_00001_.png", "demo_00002_.png"]
    assert (tmp_path / "out" / "demo_00001_.png").read_bytes() == b"mine"


def test_temporary_results_are_fetched_only_where_there_are_no_others(call: Any, tmp_path: Path) -> None:
    images = [
        {"filename": "a.png", "subfolder": "", "type": "temp"},
        {"filename": "b.png", "subfolder": "", "type": "output"},
    ]
    with serving(Script(results={"9": {"images": images}})) as server:
        call("submit", server)
    assert kept(tmp_path / "out") == ["b.png"]


def test_a_job_without_results_says_so(call: Any) -> None:
    with serving(Script(results={"9": {"text": ["x"]}})) as server:
        said = call("submit", server)
    assert "PC852" in said.codes


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (
            "HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n",
            "redirection to `http://elsewhere/`",
        ),
        (f"{OVER}5\r\n\r\n<html", "no JSON"),
        (f"{OVER}200000\r\n\r\n{'[' * 200000}", "no JSON"),
        (f"{OVER}99999999999\r\n\r\n", "more than the"),
        ("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "status 500"),
        (f"{OVER}50\r\n\r\n{{", "broke off"),
        ("nonsense\r\n\r\n", "nonsense"),
    ],
)
def test_a_server_that_answers_nonsense_is_told(
    call: Any, monkeypatch: pytest.MonkeyPatch, answer: str, what: str
) -> None:
    monkeypatch.setattr("paramc.server.transfer.PAUSE", 0.0)
    with serving(Script(raw={"/object_info": answer.encode()})) as server:
        said = call("submit", server)
    assert said.code == 1
    assert what in said.texts.get("PC841", said.texts.get("PC840", ""))


def test_questions_are_asked_three_times(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paramc.server.transfer.PAUSE", 0.0)
    with serving(Script(raw={"/object_info": b""})) as server:
        call("submit", server)
    assert server.heard.paths == ["/object_info"] * 3


def test_a_server_of_odd_shapes_is_no_crash(call: Any) -> None:
    odd = b'{"KSampler": 3, "VAEDecode": {"input": []}, "SaveImage": {"input": {"required": {"images": "x"}}}}'
    raw = f"{OVER}{len(odd)}\r\n\r\n".encode() + odd
    with serving(Script(raw={"/object_info": raw})) as server:
        said = call("doctor", server)
    assert said.code == 1
    assert set(said.codes) == {"PC843"}


def test_the_doctor_says_what_is_there_and_what_is_missing(call: Any) -> None:
    with serving(Script()) as server:
        said = call("doctor", server, source=TEXT.replace("dream", "dreem"))
    assert said.code == 1
    assert ["missing", "dreem.safetensors", "Model"] in said.result["asked"]
    assert ["there", "KSampler", "Sample (node 5)"] in said.result["asked"]
    (item,) = [item for item in said.all if item["code"] == "PC844"]
    assert item["help"] == "did you mean `sdxl/dream.safetensors`?"


def test_the_doctor_knows_no_node_that_the_server_has_not(call: Any) -> None:
    graph = json.loads(_graph("example.png"))
    graph["5"]["class_type"] = "KSamplr"
    with serving(Script()) as server:
        said = call("doctor", server, source=json.dumps(graph))
    (item,) = [item for item in said.all if item["code"] == "PC843"]
    assert item["help"].startswith("did you mean `KSampler`")


def test_a_class_that_two_nodes_are_of_is_missing_once_and_nothing_is_known_of_their_files(call: Any) -> None:
    graph = json.loads(_graph("example.png"))
    graph["90"] = graph["91"] = {"class_type": "LoadTwice", "inputs": {"ckpt_name": "dream.safetensors"}}
    with serving(Script()) as server:
        said = call("doctor", server, source=json.dumps(graph))
    (item,) = [item for item in said.all if item["code"] == "PC843"]
    assert item["message"] == "the server has no node `LoadTwice`, asked for by LoadTwice (node 90) and 1 more"
    assert [word for word, name, by in said.result["asked"] if "LoadTwice" in by] == ["missing", "unknown"] * 2


@pytest.mark.parametrize(
    ("kind", "pack"),
    [("KSampler (Efficient)", "efficiency-nodes-comfyui"), ("CR Nothing", "ComfyUI_Comfyroll_CustomNodes")],
)
def test_the_pack_of_a_missing_node_is_named(call: Any, kind: str, pack: str) -> None:
    graph = json.loads(_graph("example.png"))
    graph["5"]["class_type"] = kind
    with serving(Script()) as server:
        said = call("doctor", server, source=json.dumps(graph))
    assert [item["help"] for item in said.all if item["code"] == "PC843"] == [f"install the pack `{pack}`"]


def test_nobody_at_the_address_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paramc.server.transfer.PAUSE", 0.0)
    assert main(["doctor", "--server", "http://127.0.0.1:1"]) == 1
    assert (
        "error[PC840 server-not-reached]: the server at `http://127.0.0.1:1` does not answer" in capsys.readouterr().err
    )


def _graph(image: str) -> str:
    """A graph that starts from a picture."""
    graph = {
        "4": ("CheckpointLoaderSimple", {"ckpt_name": "other.ckpt"}),
        "6": ("CLIPTextEncode", {"text": "a cat", "clip": ["4", 1]}),
        "10": ("LoadImage", {"image": image}),
        "11": ("VAEEncode", {"pixels": ["10", 0], "vae": ["4", 2]}),
        "5": (
            "KSampler",
            {
                "seed": 5, "steps": 20, "cfg": 7, "sampler_name": "euler", "scheduler": "normal", "denoise": 0.5,
                "model": ["4", 0], "positive": ["6", 0], "negative": ["6", 0], "latent_image": ["11", 0],
            },
        ),
        "8": ("VAEDecode", {"samples": ["5", 0], "vae": ["4", 2]}),
        "9": ("SaveImage", {"filename_prefix": "x", "images": ["8", 0]}),
    }  # fmt: skip
    return json.dumps({key: {"class_type": kind, "inputs": inputs} for key, (kind, inputs) in graph.items()})


def test_a_line_that_tells_of_other_jobs_alone_does_not_hide_the_end() -> None:
    with serving(Script(frames=b"")) as server:
        client = Client(Wire(read_address(server.url)))
        ticket = Ticket("c", "j")
        client.queue({}, None, ticket)
        server.done = True
        ended = follow(client, _Chatter(), ticket, lambda update: None, Waits(quiet=0.05))
    assert ended.entry["outputs"]


class _Chatter(Channel):
    """A line that never stops to tell how long the queue is."""

    def __init__(self) -> None:
        pass

    def receive(self, wait: float) -> str:
        return '{"type": "status", "data": {}}'


def test_a_picture_that_two_nodes_load_is_handed_over_once(call: Any, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "start.png")
    graph = json.loads(_graph("start.png"))
    graph["12"] = {"class_type": "LoadImage", "inputs": {"image": "start.png"}}
    graph["13"] = {"class_type": "SetLatentNoiseMask", "inputs": {"samples": ["11", 0], "mask": ["12", 1]}}
    graph["5"]["inputs"]["latent_image"] = ["13", 0]
    with serving(Script()) as server:
        call("submit", server, "--inputs", str(tmp_path), source=json.dumps(graph))
    sent = server.heard.orders[0]["prompt"]
    assert {sent[key]["inputs"]["image"] for key in ("10", "12")} == {"paramc/given (1).png"}
    assert len(server.heard.uploads) == 1


def test_people_are_told_what_was_renamed_and_what_was_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(Script()) as server:
        code = main(["submit", f"{TEXT}, Tiling: True", "--server", server.url, "-o", str(tmp_path)])
    printed = capsys.readouterr()
    assert (code, printed.out.count("\n")) == (0, 2)
    assert "info[PC851 renamed-on-server]" in printed.err
    assert "dropped: `Tiling` (PC601)" in printed.err
