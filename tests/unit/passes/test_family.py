"""Which family a job is for: the tables, the clues, the verdict."""

import gzip
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.diagnostics.model import UnknownName
from paramc.ir.assets import AssetRef, Assets, Hash
from paramc.ir.family import Family
from paramc.ir.geometry import Size
from paramc.ir.job import Job, Producer
from paramc.ir.ledger import Stated
from paramc.ir.prompt import NetworkTag, Prompt
from paramc.ir.sampling import Sampling
from paramc.ir.stages import Hires
from paramc.passes import family_claims, family_tables
from paramc.passes.family import clues_of, detect, find_family
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

# One example for every row of evidence.toml: clues, family, confidence.
EXAMPLES = [
    (Clues(checkpoint=asset(None, "81761151", algorithm="autov1")), "sd1", "high"),
    (Clues(checkpoint=asset("sd 2 base", "4bdfc29c", algorithm="autov1")), "sd2", "high"),
    *[
        (Clues(checkpoint=AssetRef(urn=f"urn:air:{name}:checkpoint:civitai:1@2")), family, "definite")
        for name, family in [
            ("sd1", "sd1"), ("sd2", "sd2"), ("sd3", "sd3"), ("pony", "sdxl-pony"), ("flux2", "flux2"),
            ("illustrious", "sdxl-illustrious"), ("sdxl", "sdxl"), ("flux1", "flux"),
        ]
    ],
    (Clues(fields={"Distilled CFG Scale": "3.5"}), "flux-dev", "definite"),
    (Clues(fields={"Distilled CFG Scale": "3.5"}, checkpoint=asset("flux1-kontext-dev")), "flux-kontext", "high"),
    (Clues(fields={"Diffusion in Low Bits": "bnb-nf4 (fp16 LoRA)"}), "flux", "low"),
    (Clues(fields={"Diffusion in Low Bits": "Automatic (fp16 LoRA)"}), "unknown", "none"),
    (Clues(fields={"Refiner": "sd_refiner"}), "sdxl", "medium"),
    *[
        (Clues(fields={"Pipeline": f"{name}Pipeline"}), family, "definite")
        for name, family in [
            ("StableDiffusionXLImg2Img", "sdxl"), ("StableDiffusion3", "sd3"), ("Flux2Klein", "flux2-klein"),
            ("Flux2", "flux2"), ("FluxKontext", "flux-kontext"), ("FluxFill", "flux-fill"), ("Flux", "flux"),
            ("Chroma", "chroma"), ("QwenImageEdit", "qwen-image"), ("ZImage", "z-image"), ("Krea2", "krea2"),
            ("SanaSprint", "sana-sprint"), ("Sana", "sana"), ("PixArtSigma", "pixart-sigma"), ("IF", "deepfloyd"),
            ("PixArtAlpha", "pixart-alpha"), ("HiDreamImage", "hidream"), ("HunyuanDiT", "hunyuan-dit"),
            ("HunyuanImage", "hunyuan-image"), ("Lumina2", "lumina2"), ("AuraFlow", "auraflow"), ("Kolors", "kolors"),
            ("CogView4", "cogview4"), ("ErnieImage", "ernie-image"), ("GlmImage", "glm-image"), ("OmniGen", "omnigen"),
            ("LongCatImage", "longcat-image"), ("OvisImage", "ovis-image"), ("Cosmos2TextToImage", "cosmos2"),
            ("OmniGen2", "omnigen2"), ("KandinskyV22Combined", "kandinsky"), ("WuerstchenCombined", "stable-cascade"),
            ("WanVACE", "video"), ("GoogleNanoBanana", "api-only"),
        ]
    ],
    (Clues(fields={"Pipeline": "StableDiffusionPipeline"}), "sd1", "medium"),
    (Clues(fields={"Pipeline": "StableDiffusionPipeline"}, checkpoint=asset("sd 2.1")), "sd2", "high"),
    (Clues(fields={"Pipeline": "UniDiffuserPipeline"}), "unknown", "none"),
    (Clues(fields={"Civitai resources": '[{"modelName":"FLUX"}]'}), "flux", "definite"),
    (Clues(fields={"Civitai resources": '[{"modelName":"other"}]'}), "unknown", "none"),
    (Clues(dialect="a1111", version=(1, 4, 1)), "sd1", "medium"),
    (Clues(dialect="a1111", version=(1, 5, 0, -1)), "unknown", "none"),
    (Clues(dialect="a1111", version=(1, 5)), "unknown", "none"),
    (Clues(dialect="other", version=(1, 4, 1)), "unknown", "none"),
    (Clues(dialect="a1111", version=(1, 9, 3), vae=asset("sd3_vae")), "unknown", "none"),
    (Clues(dialect="a1111", version=(1, 10, 1), vae=asset("sd3_vae")), "sd3", "medium"),
    (Clues(dialect="a1111", version=(1, 10, 1), vae=asset("ae.safetensors")), "unknown", "none"),
    (Clues(modules=(asset("clip_g"), asset("clip_l"), asset("t5xxl_fp16"))), "sd3", "definite"),
    (Clues(modules=(asset("qwen_2.5_vl_7b_fp8"),)), "qwen-image", "definite"),
    (Clues(modules=(asset("qwen_3_4b"),)), "z-image", "definite"),
    (Clues(modules=(asset("gemma_2_2b"),)), "lumina2", "high"),
    (Clues(modules=(asset("clip_l"), asset("t5xxl_fp8_e4m3fn"))), "flux", "definite"),
    (Clues(modules=(asset("ae"),)), "flux", "high"),
    (Clues(vae=asset("flux2_ae.safetensors")), "flux2", "medium"),
    (Clues(vae=asset("ae.sft")), "flux", "medium"),
    (Clues(vae=asset("sdxl-vae-fp16-fix.vae.safetensors")), "sdxl", "medium"),
    (Clues(modules=(asset("sdxl_vae.safetensors"),)), "sdxl", "medium"),
    (Clues(vae=asset("sd3_vae.safetensors")), "sd3", "medium"),
    (Clues(vae=asset("qwen_image_vae.safetensors")), "qwen-image", "medium"),
    (Clues(vae=asset("vae-ft-mse-840000-ema-pruned")), "sd1", "medium"),
    (Clues(embeddings=(asset("EasyNegative"),)), "sd1", "medium"),
    (Clues(embeddings=(asset("negativeXL_D"),)), "sdxl", "medium"),
    (Clues(embeddings=(asset("mine"),)), "unknown", "none"),
    (Clues(sampler="euler", schedule="beta", cfg_scale=1.0), "flux", "medium"),
    (Clues(sampler="euler", schedule="simple", cfg_scale=1.0), "flux", "medium"),
    (Clues(sampler="euler", schedule="simple", cfg_scale=7.0), "unknown", "none"),
    (Clues(sampler="euler", schedule="karras", cfg_scale=1.0), "unknown", "none"),
    *[
        (Clues(networks=(asset(name),)), family, "medium")
        for name, family in [
            ("flux2_detail", "flux2"), ("aidmaFLUX", "flux"), ("qwen_lightning", "qwen-image"),
            ("my_z-image", "z-image"),
            ("detail_PonyXL", "sdxl-pony"), ("748cm_illu", "sdxl-illustrious"), ("add-detail-xl", "sdxl"),
            ("dmd2_4step", "sdxl"), ("lcm-lora-sd15", "sd1"),
        ]
    ],
    (Clues(networks=(asset("OC illustration"), asset("koreanPonytail"))), "unknown", "none"),
    (Clues(prompt="score_9, score_8_up, a pony"), "sdxl-pony", "medium"),
    (Clues(prompt="Masterpiece, best quality, very aesthetic"), "sdxl", "low"),
    (Clues(prompt="masterpiece, best quality, absurdres, cat"), "sdxl", "low"),
    (Clues(prompt="masterpiece, best quality, absurdres", size=Size(512, 768)), "sd1", "low"),
    (Clues(negative="EasyNegative, blurry"), "sd1", "low"),
    (Clues(negative="negativeXL_D"), "sdxl", "low"),
    (Clues(prompt="A cat sits on the mat and looks at the rain. " * 6), "flux", "low"),
    (Clues(prompt="A cat sits on the mat and looks at the rain. " * 6, negative="dog"), "unknown", "none"),
    (Clues(prompt="cat, mat, rain, " * 30), "unknown", "none"),
    (Clues(size=Size(512, 768)), "sd1", "low"),
    (Clues(size=Size(832, 1216)), "sdxl", "low"),
    (Clues(size=Size(832, 1216), hires=True), "unknown", "none"),
    (Clues(size=Size(1000, 1000)), "unknown", "none"),
    (Clues(size=Size(2048, 2048)), "unknown", "none"),
    (Clues(size=Size(768, 1024)), "unknown", "none"),
    (Clues(size=Size(0, 1024)), "unknown", "none"),
    (Clues(), "unknown", "none"),
]  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------- names


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


# --------------------------------------------------------------------------------------------------------------- hashes


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


# ------------------------------------------------------------------------------------------------------------- evidence


@pytest.mark.parametrize(("clues", "family", "confidence"), EXAMPLES)
def test_clues_beside_the_name_tell(clues, family, confidence):
    found = detect(clues)
    assert (found.name, found.confidence) == (family, confidence)


ROWS = [
    (name, place)
    for name in family_tables.Rules._fields
    if name not in {"kinds", "fields"}
    for place in range(len(getattr(family_tables.rules(), name)))
]
FIELD_ROWS = [(key, place) for key, rows in family_tables.rules().fields.items() for place in range(len(rows))]


def all_right() -> bool:
    found = ((detect(clues), family, confidence) for clues, family, confidence in EXAMPLES)
    return all((told.name, told.confidence) == (family, confidence) for told, family, confidence in found)


@pytest.mark.parametrize(("table", "place"), ROWS)
def test_no_row_of_evidence_could_be_missing(table, place, monkeypatch):
    rows = getattr(family_tables.rules(), table)
    without = family_tables.rules()._replace(**{table: rows[:place] + rows[place + 1 :]})
    monkeypatch.setattr(family_claims, "rules", lambda: without)
    assert not all_right()


@pytest.mark.parametrize(("key", "place"), FIELD_ROWS)
def test_no_row_about_fields_could_be_missing(key, place, monkeypatch):
    table = family_tables.rules().fields
    fewer = table | {key: table[key][:place] + table[key][place + 1 :]}
    monkeypatch.setattr(family_claims, "rules", lambda: family_tables.rules()._replace(fields=fewer))
    assert not all_right()


def test_every_family_that_a_table_names_has_a_base_that_is_a_family():
    rules, names = family_tables.rules(), family_tables.names()
    tables = [*rules._replace(kinds=(), fields=()), *rules.fields.values()]
    words = {word for rows in tables for row in rows for word in (row.says, *row.also) if word}
    words |= {row.family for rows in names for row in rows}
    words |= {family_tables.known_file(row["autov2"]).family for row in FILES}
    known = family_tables.families()
    assert words <= set(known)
    assert set(known.values()) <= set(known)


@pytest.mark.parametrize(
    ("base", "members"),
    [
        ("sd1", {"sd1", "sd1-inpaint"}),
        ("sd2", {"sd2", "sd2-v", "sd2-inpaint"}),
        ("sdxl", {"sdxl", "sdxl-pony", "sdxl-illustrious", "sdxl-turbo", "sdxl-lightning", "sdxl-hyper", "sdxl-refiner",
                  "playground-v2.5"}),
        ("sd3", {"sd3", "sd35-medium", "sd35-large", "sd35-large-turbo"}),
        ("flux", {"flux", "flux-dev", "flux-schnell", "flux-fill", "flux-kontext", "flux-control"}),
        ("chroma", {"chroma", "chroma-flash"}),
        ("z-image", {"z-image", "z-image-turbo"}),
        ("sana", {"sana", "sana-sprint"}),
        ("pixart", {"pixart", "pixart-alpha", "pixart-sigma"}),
    ],
)  # fmt: skip
def test_a_base_has_its_members(base, members):
    assert {name for name, own in family_tables.families().items() if own == base} == members


def test_every_other_family_is_its_own_base():
    grouped = {"sd1", "sd2", "sdxl", "sd3", "flux", "chroma", "z-image", "sana", "pixart"}
    single = {name: base for name, base in family_tables.families().items() if base not in grouped}
    assert single == {name: name for name in single} and len(single) == 26


# -------------------------------------------------------------------------------------------------------------- verdict


def test_evidence_is_kept_the_strongest_first():
    clues = Clues(
        checkpoint=asset("ponyDiffusionV6XL", "67ab2fd8ec"), prompt="score_9, score_8_up", size=Size(1024, 1024)
    )
    assert [(item.source, item.says, item.strength) for item in detect(clues).evidence] == [
        ("checkpoint hash", "sdxl-pony", "definite"),
        ("checkpoint name", "sdxl-pony", "high"),
        ("prompt", "sdxl-pony", "high"),
        ("size", "sdxl", "low"),
    ]


def test_evidence_shows_the_value_that_was_seen():
    found = detect(Clues(checkpoint=asset("x", "31e35c80fc"), size=Size(1024, 1024)))
    assert [item.value for item in found.evidence] == ["31e35c80fc = sd_xl_base_1.0.safetensors", "1024 x 1024"]


def test_a_name_chooses_the_member_that_a_field_leaves_open():
    found = detect(Clues(fields={"Pipeline": "StableDiffusionXLPipeline"}, checkpoint=asset("waiIllustriousSDXL")))
    assert (found.name, found.base, found.confidence, found.conflicts) == ("sdxl-illustrious", "sdxl", "high", ())


def test_a_name_does_not_change_the_member_that_a_field_proves():
    found = detect(Clues(fields={"Distilled CFG Scale": "3.5"}, checkpoint=asset("flux1-schnell")))
    assert (found.name, found.confidence) == ("flux-dev", "definite")
    assert found.conflicts == ("field `Distilled CFG Scale` says flux-dev, checkpoint name says flux-schnell",)


def test_a_hash_of_a_checkpoint_leaves_nothing_to_choose():
    found = detect(Clues(checkpoint=asset("ponyDiffusion", "31e35c80fc")))
    assert (found.name, found.conflicts) == ("sdxl", ())


def test_networks_of_different_members_leave_the_base():
    found = detect(Clues(networks=(asset("a_pony"), asset("b_illu"))))
    assert (found.name, found.conflicts) == ("sdxl", ())


def test_equally_strong_clues_to_different_bases_make_the_verdict_less_sure():
    found = detect(Clues(networks=(asset("a_flux"), asset("b_xl"))))
    assert (found.name, found.confidence) == ("flux", "low")
    assert found.conflicts == ("network name says flux, network name says sdxl",)


def test_members_that_exclude_each_other_are_a_conflict():
    found = detect(Clues(checkpoint=asset("ponyDiffusion", "3e15ba0038")))
    assert found.conflicts == ("checkpoint hash says sdxl-illustrious, checkpoint name says sdxl-pony",)


def test_a_size_is_never_a_conflict():
    assert detect(Clues(checkpoint=asset("mySDXL"), size=Size(512, 512))).conflicts == ()


def test_an_old_version_speaks_against_the_name():
    found = detect(Clues(checkpoint=asset("mySDXL"), dialect="a1111", version=(1, 4, 0)))
    assert (found.name, found.conflicts) == ("sd1", ("version says sd1, checkpoint name says sdxl",))


# ------------------------------------------------------------------------------------------------------------------ job


def test_the_clues_of_a_job_are_found_where_they_are():
    job = Job(
        producer=Producer(dialect="forge", version=(2, 0, 1)),
        prompt=Prompt(text="a cat <lora:b:1>", networks=(NetworkTag(kind="lora", name="b"),)),
        negative=Prompt(text="dog"),
        size=Size(512, 768),
        assets=Assets(
            checkpoint=asset("m"),
            vae=asset("v"),
            modules=(asset("t"),),
            networks=(asset("a"),),
            embeddings=(asset("e"),),
        ),
        sampling=Sampling(sampler="euler", schedule="beta", cfg_scale=1.0),
        stages=(Hires(),),
        ledger=(Stated(key="", raw="a cat"), Stated(key="Foo", raw="1"), Stated(key="Foo", raw="2")),
    )
    assert clues_of(job) == Clues(
        checkpoint=asset("m"),
        vae=asset("v"),
        modules=(asset("t"),),
        networks=(asset("a"), asset("b")),
        embeddings=(asset("e"),),
        dialect="forge",
        version=(2, 0, 1),
        fields={"Foo": "2"},
        prompt="a cat <lora:b:1>",
        negative="dog",
        size=Size(512, 768),
        hires=True,
        sampler="euler",
        schedule="beta",
        cfg_scale=1.0,
    )


def test_an_empty_job_has_an_unknown_family():
    assert find_family(Job()) == Family(name="unknown", base="unknown", confidence="none")


def test_a_choice_needs_no_clue():
    found = find_family(Job(), "sdxl-pony")
    assert (found.name, found.base, found.confidence, found.evidence[0].source) == (
        "sdxl-pony",
        "sdxl",
        "definite",
        "choice",
    )


def test_a_choice_that_is_no_family_is_refused_with_the_closest():
    with pytest.raises(UnknownName) as caught:
        find_family(Job(), "sdlx")
    assert caught.value.diagnostics[0].help == "did you mean `sdxl`?"


TEXT = st.text(max_size=30)
ASSET = st.builds(
    asset, st.none() | TEXT | st.sampled_from(["sdxl", "pony", "flux", "ae"]), st.sampled_from(["31e35c80fc", "x"])
)


@given(
    st.builds(
        Clues,
        checkpoint=st.none() | ASSET,
        vae=st.none() | ASSET,
        modules=st.lists(ASSET, max_size=3).map(tuple),
        networks=st.lists(ASSET, max_size=3).map(tuple),
        embeddings=st.lists(ASSET, max_size=2).map(tuple),
        dialect=st.sampled_from(["a1111", "forge", ""]),
        version=st.none() | st.lists(st.integers(-1, 20), max_size=5).map(tuple),
        fields=st.dictionaries(
            TEXT | st.sampled_from(["Pipeline", "Refiner", "Distilled CFG Scale"]), TEXT, max_size=4
        ),
        prompt=TEXT,
        negative=TEXT,
        size=st.none() | st.builds(Size, st.integers(0, 3000), st.integers(0, 3000)),
        hires=st.booleans(),
        sampler=st.none() | TEXT,
        cfg_scale=st.none() | st.floats(),
    )
)
def test_any_clues_give_a_family_of_the_table_with_its_base(clues):
    found = detect(clues)
    assert found.base == family_tables.base_of(found.name)
    assert (found.name == "unknown") == (found.confidence == "none") == (not found.evidence)


def test_hostile_names_and_prompts_cost_little():
    huge = Clues(
        checkpoint=asset("flux" * 250_000),
        networks=(asset("xl" * 100_000),) * 5_000,
        prompt="masterpiece " * 100_000,
        fields={"Pipeline": "S" * 1_000_000, "x" * 1000: "Civitai" * 100_000},
    )
    begin = time.process_time()
    detect(huge)
    assert time.process_time() - begin < 0.5
