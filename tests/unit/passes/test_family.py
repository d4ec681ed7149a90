"""Which family a job is for: the verdict over all clues."""

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.diagnostics.model import UnknownName
from paramc.dialects.reading import read_job
from paramc.dialects.registry import find_dialect
from paramc.ir.assets import AssetRef, Assets, Hash
from paramc.ir.family import Family
from paramc.ir.geometry import Size
from paramc.ir.job import Job, Producer
from paramc.ir.ledger import Stated
from paramc.ir.prompt import NetworkTag, Prompt
from paramc.ir.sampling import Sampling
from paramc.ir.stages import Hires
from paramc.passes import family_tables
from paramc.passes.family import clues_of, detect, find_family
from paramc.passes.family_claims import Clues
from paramc.passes.sniff import sniff


def asset(name: str | None = None, *digits: str, algorithm: str = "sha256") -> AssetRef:
    return AssetRef(name=name, hashes=tuple(Hash(algorithm=algorithm, hex=item) for item in digits))


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


def test_a_clue_found_twice_is_told_once():
    assert len(detect(Clues(networks=(asset("a_pony"), asset("a_pony")))).evidence) == 1


def test_a_vae_that_several_families_share_is_no_conflict():
    found = detect(Clues(checkpoint=asset("flux-2-klein-4b"), vae=asset("flux2_ae.safetensors", "d64f3a68e1")))
    assert (found.name, found.conflicts) == ("flux2-klein", ())


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


@pytest.mark.slow
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


@pytest.mark.skipif("PARAMC_CORPUS" not in os.environ, reason="PARAMC_CORPUS names no corpus")
def test_no_sure_verdict_on_the_corpus_contradicts_the_file():
    """Sure verdicts agree with the hash where it is known, else with what the checkpoint's name says by a rule."""
    corpus = Path(os.environ["PARAMC_CORPUS"], "infotext.jsonl")
    wrong = []
    for line in corpus.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        job, _ = read_job(record["text"], find_dialect(sniff(record["text"])[0]))
        found, file = find_family(job), job.assets.checkpoint or AssetRef()
        known = [family_tables.known_file(item.hex) for item in file.hashes if item.algorithm == "sha256"]
        told = [row.family for row in known if row] or [(family_tables.family_of_name(file.name or "") or ("",))[0]]
        sure = found.confidence in {"definite", "high"} and told[0]
        if sure and family_tables.base_of(told[0]) != found.base:
            wrong.append((record["id"], told, found.name))
    assert wrong == []
