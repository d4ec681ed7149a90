"""What settings beside the checkpoint tell about the family: one example for every row of the table."""

import gzip
import json
from pathlib import Path

import pytest

from paramc.ir.assets import AssetRef, Hash
from paramc.ir.geometry import Size
from paramc.passes import family_claims, family_tables
from paramc.passes.family import detect
from paramc.passes.family_claims import Clues

GOLDEN = Path(__file__).parents[2] / "golden" / "families"
FILES = json.loads(gzip.decompress((GOLDEN / "checkpoint_hashes.json.gz").read_bytes()))["rows"]


def asset(name: str | None = None, *digits: str, algorithm: str = "sha256") -> AssetRef:
    return AssetRef(name=name, hashes=tuple(Hash(algorithm=algorithm, hex=item) for item in digits))


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
    assert single == {name: name for name in single} and len(single) == 28
