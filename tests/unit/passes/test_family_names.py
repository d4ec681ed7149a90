"""What names and hashes of checkpoints tell about the family."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.ir.assets import AssetRef, Hash
from paramc.passes import family_tables
from paramc.passes.family import detect
from paramc.passes.family_claims import Clues

GOLDEN = Path(__file__).parents[2] / "golden" / "families"
CASES = [json.loads(line) for line in gzip.decompress((GOLDEN / "family_cases.jsonl.gz").read_bytes()).splitlines()]
FILES = json.loads(gzip.decompress((GOLDEN / "checkpoint_hashes.json.gz").read_bytes()))["rows"]


def asset(name: str | None = None, *digits: str, algorithm: str = "sha256") -> AssetRef:
    return AssetRef(name=name, hashes=tuple(Hash(algorithm=algorithm, hex=item) for item in digits))


def named(name: str) -> Clues:
    return Clues(checkpoint=asset(name))


# Names that no published case covers: the rules of names.toml that need them are told in the second column.
MORE_NAMES = [
    ("BRIA-3.2", "bria"),
    ("Fibo_v1_fp8", "bria-fibo"),
    ("flux1-fill-dev.safetensors", "flux-fill"),
    ("flux1-canny-dev.safetensors", "flux-control"),
    ("playground-v2.5-1024px-aesthetic.fp16", "playground-v2.5"),
    ("Hyper-SDXL-1step", "sdxl-hyper"),
    ("WAIillustrious_v10", "sdxl-illustrious"),
    ("myPONYrealism", "sdxl-pony"),
    ("fooSDXLv2", "sdxl"),
    ("nai", "sd1"),
    ("AbyssOrange3", "sd1"),
    ("MeinaHentai_v4", "sd1"),
    ("cetusMix_Whalefall", "sd1"),
    ("pastelMix", "sd1"),
    ("OrangeMixs", "sd1"),
    ("openjourney-v4", "sd1"),
    ("animePastelDream", "sd1"),
    ("photogasm", "sd1"),
    ("absoluteReality_v16", "sd1"),
    ("grapefruitV41", "sd1"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["model"])
def test_a_published_name_gives_its_family(case):
    family = detect(named(case["model"]))
    assert family.name == (case["family"] or "unknown")


@pytest.mark.parametrize(("name", "wanted"), MORE_NAMES)
def test_a_name_beyond_the_published_gives_its_family(name, wanted):
    assert detect(named(name)).name == wanted


def test_a_rule_is_surer_than_a_well_known_merge():
    assert (detect(named("fluxDev")).confidence, detect(named("dreamshaper_8")).confidence) == ("high", "medium")


def test_the_folder_speaks_when_the_file_name_says_nothing():
    found = detect(named(r"checkpoints\SDXL\model_7.safetensors"))
    assert (found.name, found.evidence[0].source, found.evidence[0].value) == ("sdxl", "checkpoint folder", "SDXL")


def test_the_file_name_goes_before_its_folder():
    assert detect(named("flux/dreamshaperXL_v21Turbo")).name == "sdxl-turbo"


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("dreamshaperXL10_alpha2Xl10.safetensors", "dreamshaper xl10 alpha2xl10"),
        ("FLUX.1%20dev.gguf", "flux 1 dev"),
        ("真实模型_deliberate_v2", "真实模型 deliberate v2"),
        ("SDXLBase.ckpt", "sdxl base"),
    ],
)
def test_names_are_normalised(name, plain):
    assert family_tables.normalised(name) == plain


@pytest.mark.parametrize("table", ["rules", "squashed", "first_words"])
def test_no_name_row_could_be_missing(table, monkeypatch):
    names = family_tables.names()
    examples = [(case["model"], case["family"]) for case in CASES] + MORE_NAMES
    rows = getattr(names, table)
    for place, row in enumerate(rows):
        without = names._replace(**{table: rows[:place] + rows[place + 1 :]})
        monkeypatch.setattr(family_tables, "names", lambda without=without: without)
        told = ((family_tables.family_of_name(name) or (None,))[0] for name, _ in examples)
        assert any(found != wanted for found, (_, wanted) in zip(told, examples, strict=True)), row


def test_no_name_of_a_merge_could_be_missing(monkeypatch):
    names = family_tables.names()
    (stems,) = names.stems
    examples = [case["model"] for case in CASES if case["family"] == "sd1"] + [name for name, _ in MORE_NAMES]
    known = [name for name in examples if family_tables.family_of_name(name) == ("sd1", "medium")]
    for word in stems.words:
        fewer = stems._replace(words=tuple(other for other in stems.words if other != word))
        without = names._replace(stems=(fewer,))
        monkeypatch.setattr(family_tables, "names", lambda without=without: without)
        assert any(family_tables.family_of_name(name) is None for name in known), word


WORDS = [
    "flux",
    "Flux2",
    "dev",
    "fill",
    "SDXL",
    "xl",
    "v2",
    "Turbo",
    "pony",
    "Il",
    "sd",
    "3",
    "5",
    "Large",
    "768",
    "V",
    "dit",
]


@given(
    st.lists(st.sampled_from([*WORDS, "z", "image", "noob", "AI", "sana", "1", "_", "-", ".", "Hunyuan", "inpaint"]))
)
def test_what_a_rule_needs_is_in_every_name_that_it_matches(words):
    plain = family_tables.normalised("".join(words))
    together = plain.replace(" ", "")
    for rows, text in ((family_tables.names().rules, plain), (family_tables.names().squashed, together)):
        for row in rows:
            assert not family_tables.found(row.pattern, text) or any(word in together for word in row.needs), row


def with_hash(kind: str, digits: str) -> Clues:
    """Clues that hold nothing but a hash, in the place where a file of that kind is named."""
    file = asset(None, digits)
    match kind:
        case "vae":
            return Clues(vae=file)
        case "lora":
            return Clues(networks=(file,))
        case "text_encoder":
            return Clues(modules=(file,))
        case _:
            return Clues(checkpoint=file)


@pytest.mark.parametrize("row", FILES, ids=lambda row: row["file"][:40])
def test_a_known_hash_gives_its_family(row):
    wanted = {"flux/sd3": "flux", "wan": "video"}.get(row["family"], row["family"])
    found = detect(with_hash(row["kind"], row["autov2"]))
    assert found.name == wanted
    assert found.confidence == {"vae": "medium", "text_encoder": "high"}.get(row["kind"], "definite")
    assert len(found.evidence) == 1


@pytest.mark.parametrize("row", FILES, ids=lambda row: row["file"][:40])
def test_the_hash_table_is_the_published_one(row):
    known = family_tables.known_file(row["autov2"])
    assert (known.file, known.kind, known.sha256, known.repo, known.source, known.note) == (
        row["file"],
        row["kind"],
        row.get("sha256", ""),
        row.get("repo", ""),
        row["source"],
        row.get("note", ""),
    )


def test_a_hash_may_be_upper_case_or_whole():
    whole = "6ce0161689b3853acaa03779ec93eafe75a02f4ced659bee03f50797806fa2fa"
    assert detect(Clues(checkpoint=asset(None, whole.upper()))).name == "sd1"


def test_eight_digits_are_never_looked_up():
    assert detect(Clues(checkpoint=asset(None, "31e35c80"))).name == "unknown"


def test_an_unknown_hash_says_nothing():
    assert detect(Clues(checkpoint=asset(None, "ffffffffff"))).evidence == ()


def test_a_hash_wins_against_the_name_and_the_conflict_is_told():
    found = detect(Clues(checkpoint=asset("mySDXL_v2", "6ce0161689")))
    assert (found.name, found.confidence) == ("sd1", "definite")
    assert found.conflicts == ("checkpoint hash says sd1, checkpoint name says sdxl",)


def test_a_hash_of_a_vae_does_not_win_against_the_name():
    found = detect(Clues(checkpoint=asset("nightvisionXL"), vae=asset("sdxl_vae.safetensors", "735e4c3a44")))
    assert (found.name, found.confidence) == ("sdxl", "high")
    assert found.conflicts == ("checkpoint name says sdxl, VAE hash says sd1",)
