"""Settings texts written: from nothing, from the source, for another program, and what does not survive."""

import json

import pytest

import paramc
from paramc.backends.infotext import emit, lost_values, verify, write_infotext
from paramc.backends.registry import find_target
from paramc.backends.report import Report
from paramc.dialects.prompt import read_prompt
from paramc.dialects.read_infotext import read_infotext
from paramc.dialects.registry import find_dialect
from paramc.ir.assets import AssetRef
from paramc.ir.control import ControlNet, OpaquePatch
from paramc.ir.job import Job
from paramc.ir.ledger import Stated
from paramc.ir.plan import Plan
from paramc.ir.prompt import Prompt
from paramc.ir.stages import Hires, ImageToImage
from paramc.passes.upgrade import upgrade_job

A1111 = find_dialect("a1111")
NEW = "a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 1, Size: 512x512"
PLAN = Plan(family="sd1", base="sd1", ops=())
OLD = "a cat\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1, Size: 512x512, Clip skip: 2"


def read(text: str, dialect: str = "a1111") -> Job:
    found = find_dialect(dialect)
    return upgrade_job(read_infotext(text, found)[0], found)


def edited(text: str, values: dict[str, object], dialect: str = "a1111") -> str:
    return write_infotext(read(text, dialect).replace(values), find_dialect(dialect))


class TestRevised:
    @pytest.mark.parametrize(
        "text",
        [
            NEW,
            OLD,
            f"{NEW}, Version: v1.10.1",
            f"{NEW},",
            f"{NEW}\nTemplate: a {{cat|dog}}, red",
            "a cat\n\n\nNegative prompt: \nSteps: 020, Sampler:Euler a ,Seed: 1,Size: 512x512",
            "Steps: 20, Sampler: Euler a, Seed: 1",
            "a cat",
            f'{NEW}, Foo: "x, y", F+G: 3, Bar: , Hashes: {{"vae": "0123456789"}}',
            f"{NEW}, Steps: 30",
        ],
    )
    def test_what_is_unchanged_is_spelt_as_it_was(self, text: str) -> None:
        assert write_infotext(read(text), A1111) == text

    def test_a_changed_value_is_written_in_its_place(self) -> None:
        assert edited(NEW, {"sampling.steps": 30}) == NEW.replace("Steps: 20", "Steps: 30")

    def test_a_new_value_is_written_where_the_program_would(self) -> None:
        assert edited(f"{NEW}, Clip skip: 2, Version: v1.10.1", {"noise.delta": 31337, "sampling.eta": 0.5}) == (
            f"{NEW}, Clip skip: 2, ENSD: 31337, Eta: 0.5, Version: v1.10.1"
        )

    def test_a_value_that_is_gone_takes_its_field_along(self) -> None:
        assert edited(OLD, {"text.layer": -1}) == OLD.removesuffix(", Clip skip: 2")

    def test_a_stage_that_is_gone_takes_its_fields_along(self) -> None:
        text = f"{NEW}, Denoising strength: 0.5, Hires upscale: 2, Hires steps: 9, Hires upscaler: Latent, Version: v1.10.1"
        assert edited(text, {"stages.hires": None}) == f"{NEW}, Version: v1.10.1"

    def test_a_new_stage_is_written_whole(self) -> None:
        job = read(NEW).model_copy(update={"stages": (Hires(scale=2.0, strength=0.4),)})
        assert write_infotext(job, A1111) == f"{NEW}, Denoising strength: 0.4, Hires upscale: 2, Hires upscaler: Latent"

    def test_a_new_unit_is_written_once(self) -> None:
        job = read(NEW).model_copy(update={"controls": (ControlNet(preprocessor="canny"),)})
        text = write_infotext(job, A1111)
        assert text.count("ControlNet 0: ") == 1
        assert read(text) == job

    def test_a_schedule_in_the_name_stays_there(self) -> None:
        assert "Sampler: DPM++ 2M Exponential, CFG" in edited(OLD, {"sampling.schedule": "exponential"})
        assert "Sampler: Heun Karras, CFG" in edited(OLD, {"sampling.sampler": "heun"})
        assert "Sampler: DPM++ 2M, CFG" in edited(OLD, {"sampling.schedule": "uniform"})

    def test_a_schedule_that_a_name_cannot_carry_gets_a_field(self) -> None:
        text = edited(OLD, {"sampling.schedule": "automatic"})
        assert "Sampler: DPM++ 2M, Schedule type: Automatic, CFG" in text

    def test_prompts_are_replaced_where_they_stood(self) -> None:
        job = read(NEW).model_copy(update={"prompt": Prompt(text="a dog"), "negative": Prompt(text="cat")})
        assert write_infotext(job, A1111) == NEW.replace("a cat", "a dog").replace(": dog", ": cat")

    def test_a_negative_prompt_comes_and_goes_with_its_line(self) -> None:
        bare = NEW.replace("\nNegative prompt: dog", "")
        without = read(NEW).model_copy(update={"negative": Prompt()})
        assert write_infotext(without, A1111) == bare
        assert write_infotext(read(bare).model_copy(update={"negative": Prompt(text="dog")}), A1111) == NEW

    def test_a_prompt_is_put_before_settings_that_had_none(self) -> None:
        text = "Steps: 20, Sampler: Euler a, Seed: 1"
        job = read(text).model_copy(update={"prompt": read_prompt("a cat", A1111)})
        assert write_infotext(job, A1111) == f"a cat\n{text}"

    def test_settings_are_put_behind_a_prompt_that_had_none(self) -> None:
        assert edited("a cat", {"sampling.steps": 9}) == "a cat\nSteps: 9"

    def test_new_fields_stand_before_lines_that_follow(self) -> None:
        text = f"{NEW}\nTemplate: a {{cat|dog}}"
        assert (
            edited(text, {"noise.delta": 5, "producer.user": "me"})
            == f"{NEW}, ENSD: 5, User: me\nTemplate: a {{cat|dog}}"
        )

    @pytest.mark.parametrize("template", ["b, c: d", "b\nc"])
    def test_a_template_on_a_line_of_its_own_is_written_as_it_is(self, template: str) -> None:
        text = f"{NEW}\nTemplate: a {{cat|dog}}\nNegative Template: x"
        assert edited(text, {"producer.template": template}) == f"{NEW}\nTemplate: {template}\nNegative Template: x"

    def test_the_last_field_leaves_nothing_behind(self) -> None:
        assert edited(f"{OLD}, ENSD: 5,", {"noise.delta": 0}) == f"{OLD},"

    def test_one_item_of_many_is_changed_alone(self) -> None:
        text = f'{NEW}, RP A: True, RP B: "1,1", X Type: Seed'
        job = read(text)
        patch = OpaquePatch(name="regional_prompter", fields=(("RP A", "True"), ("RP B", "1,2"), ("RP C", "False")))
        assert write_infotext(job.model_copy(update={"patches": (patch,)}), A1111) == (
            f'{NEW}, RP A: True, RP B: "1,2", RP C: False, X Type: Seed'
        )

    def test_a_value_inside_an_object_is_written_in_its_place(self) -> None:
        stages = [{"backbone_factor": 1.1}, {"skip_factor": 0.4}]
        changed = [{"backbone_factor": 1.1, "skip_factor": 0.5}, {"backbone_factor": 1.0, "skip_factor": 0.4}]
        before, after = (
            f"{NEW}, FreeU Stages: {json.dumps(json.dumps(said))}, FreeU Version: 2" for said in (stages, changed)
        )
        assert edited(before, {"patches.free_u.s1": 0.5}) == after

    def test_modules_are_numbered_anew(self) -> None:
        text = f"{NEW}, Version: f2.0.1v1.10.1, Module 1: ae, Module 2: clip_l"
        modules = (AssetRef(name="ae"), AssetRef(name="t5"), AssetRef(name="clip_l"))
        assert edited(text, {"assets.modules": modules}, "forge") == (
            f"{NEW}, Version: f2.0.1v1.10.1, Module 1: ae, Module 2: t5, Module 3: clip_l"
        )

    def test_the_second_of_two_detailers_takes_the_place_of_the_first(self) -> None:
        text = f"{NEW}, ADetailer model: a, ADetailer steps: 3, ADetailer model 2nd: b, ADetailer version: 1"
        job = read(text)
        kept = job.model_copy(update={"stages": (job.stages[1].model_copy(update={"version": "1"}),)})
        assert read(write_infotext(kept, A1111)) == kept

    def test_a_value_that_the_version_implied_and_that_changed_is_said(self) -> None:
        text = f"{OLD}, Version: v1.5.0"
        assert edited(text, {"sampling.downcasts_alphas": False}).endswith(
            "Downcast alphas_cumprod: False, Version: v1.5.0"
        )

    def test_a_value_that_the_version_no_longer_implies_is_said(self) -> None:
        text = OLD.replace("DPM++ 2M Karras", "DPM++ 2M SDE Karras") + ", Version: v1.3.0"
        job = read(text).replace({"sampling.sampler": "heun"})
        assert read(write_infotext(job, A1111)) == job


class TestComposed:
    def test_a_job_of_nothing_is_an_empty_text(self) -> None:
        assert write_infotext(Job.model_validate({}), A1111) == ""

    def test_a_source_may_be_written_anew(self) -> None:
        text = "a cat\nSeed: 01, Steps: 20, Sampler: DPM++ 2M Karras, Foo: 3"
        assert write_infotext(read(text), A1111, anew=True) == (
            "a cat\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 512x512, Foo: 3"
        )

    def test_entries_without_a_place_lend_their_spelling(self) -> None:
        job = Job(
            prompt=Prompt(text="a"), ledger=(Stated(key="Steps", raw="020", paths=("sampling.steps",), read=("20",)),)
        )
        assert write_infotext(job.replace({"sampling.steps": 20}), A1111) == "a\nSteps: 020"
        assert write_infotext(job.replace({"sampling.steps": 21}), A1111) == "a\nSteps: 21"

    def test_forge_classic_joins_sampler_and_schedule(self) -> None:
        job = read(NEW.replace("Euler a", "DPM++ 2M").replace("Automatic", "Karras"))
        assert "Sampler: DPM++ 2M Karras, CFG scale" in write_infotext(job, find_dialect("forge_classic"))

    def test_sdnext_has_an_order_of_its_own(self) -> None:
        fields = "Model hash: 0123456789, Model: m, VAE: v, Seed resize from: 64x64, CFG Rescale phi: 0.5, Clip skip: 2, X Type: Seed"
        job = read(f"{NEW.replace('Automatic', 'Karras')}, {fields}")
        assert write_infotext(job, find_dialect("sdnext")) == (
            "a cat\nNegative prompt: dog\nSteps: 20, Size: 512x512, Sampler: Euler a, Schedule type: Karras, Seed: 1, "
            "Seed resize from: 64x64, CFG scale: 7, CFG rescale: 0.5, CLiP-skip: 2, X Type: Seed, Model: m, "
            "Model hash: 0123456789, VAE: v"
        )

    def test_sdnext_does_not_name_what_is_the_pipelines_own(self) -> None:
        text = "a cat\nNegative prompt: \nSteps: 20, Size: 512x512, Seed: 1, CFG scale: 7, App: SD.Next"
        assert write_infotext(read(text, "sdnext"), find_dialect("sdnext"), anew=True) == text

    @pytest.mark.parametrize(
        ("dialect", "field"),
        [("forge", "Diffusion in Low Bits: bnb-nf4 (fp16 LoRA)"), ("forge_classic", "Rescale CFG: 0.5")],
    )
    def test_a_value_is_said_once(self, dialect: str, field: str) -> None:
        fields = NEW.replace(", Schedule type: Automatic", "")
        assert (
            write_infotext(read(f"{fields}, {field}", dialect), find_dialect(dialect), anew=True).count(field[-3:]) == 1
        )
        text = write_infotext(read(f"{fields}, {field}", dialect), find_dialect(dialect), anew=True)
        assert text.replace(", Schedule type: Automatic", "") == f"{fields}, {field}"

    def test_the_version_of_one_program_says_nothing_to_another(self) -> None:
        text = f"{NEW}, Distilled CFG Scale: 3.5, Version: f2.0.1v1.10.1, Module 1: ae, Frob: 1"
        assert write_infotext(read(text, "forge"), A1111) == (
            NEW.replace("CFG scale: 7", "CFG scale: 7, Distilled CFG Scale: 3.5") + ", Frob: 1"
        )

    def test_an_empty_negative_prompt_is_written_where_the_program_does(self) -> None:
        bare = read(NEW.replace("\nNegative prompt: dog", ""))
        assert "Negative prompt:" not in write_infotext(bare, A1111)
        assert "\nNegative prompt: \n" in write_infotext(bare, find_dialect("sdnext"))


class TestLost:
    def lost(self, job: Job, dialect: str = "a1111") -> list[str | None]:
        found = find_dialect(dialect)
        return [item.path for item in lost_values(job, found, write_infotext(job, found))]

    def test_nothing_is_lost_of_what_has_fields(self) -> None:
        assert self.lost(read(NEW)) == []

    @pytest.mark.parametrize(
        ("values", "path"),
        [
            ({"text.backtrack": 5}, "text.backtrack"),
            ({"task": ImageToImage(strength=0.5, resize="crop")}, "task.resize"),
            ({"assets.checkpoint.name": "model "}, "assets.checkpoint.name"),
            ({"assets.modules": (AssetRef(name="ae"),)}, "assets.modules"),
        ],
    )
    def test_what_no_field_can_say_is_named(self, values: dict[str, object], path: str) -> None:
        assert self.lost(read(NEW).replace(values)) == [path]

    @pytest.mark.parametrize("text", ["a\nSteps: 9, Sampler: DDIM, Seed: 5", "a\n\n", "(a:1.2), (b:1.3), (c:1.4)"])
    def test_prompts_that_look_like_something_else_survive(self, text: str) -> None:
        assert self.lost(read(NEW).model_copy(update={"prompt": read_prompt(text, A1111), "ledger": ()})) == []

    @pytest.mark.parametrize("text", ["a\nNegative prompt: b", " a ", "a \n b"])
    def test_a_prompt_that_reads_otherwise_is_named(self, text: str) -> None:
        job = read(NEW).model_copy(update={"prompt": Prompt(text=text), "ledger": ()})
        assert "prompt" in self.lost(job)


class TestTarget:
    def test_the_artefact_is_named_after_its_dialect_and_verified(self) -> None:
        job, target = read(f"{NEW}, Version: f2.0.1v1.10.1, Module 1: ae", "forge"), find_target("a1111")
        files = emit(job, PLAN, target, {"dialect": "same", "canonical": False}, Report("a1111", ()))
        assert [(file.name, file.text) for file in files] == [
            ("forge.txt", f"{NEW}, Version: f2.0.1v1.10.1, Module 1: ae")
        ]
        assert verify(job, target, files) == ()

    def test_another_dialect_may_be_chosen(self) -> None:
        job, target = read(f"{NEW}, Module 1: ae", "forge"), find_target("a1111")
        files = emit(job, PLAN, target, {"dialect": "a1111", "canonical": True}, Report("a1111", ()))
        assert (files[0].name, files[0].text) == ("a1111.txt", NEW)
        assert [item.code for item in verify(job, target, files)] == ["PC340"]

    def test_a_job_of_another_kind_of_program_is_written_for_the_targets_own(self) -> None:
        job = Job.model_validate({"producer": {"dialect": "json"}, "sampling": {"steps": 9}})
        files = emit(job, PLAN, find_target("a1111"), {"dialect": "same", "canonical": False}, Report("a1111", ()))
        assert (files[0].name, files[0].text) == ("a1111.txt", "Steps: 9")


@pytest.mark.parametrize("sampler", ["", "Sampler: Default, ", "Sampler: Nobody Knows, Schedule type: Neither, "])
def test_a_name_that_only_the_other_program_knows_is_lost(sampler: str) -> None:
    text = f"a cat\nSteps: 20, {sampler}Size: 512x512, Seed: 5, CFG scale: 6, App: SD.Next, Version: 67408bb"
    lost, kept = (
        {fate.code for fate in paramc.convert(text, name).report.fates if fate.grade == "dropped"}
        for name in ("a1111", "sdnext")
    )
    assert (lost, kept) == ({"PC630", "PC631"} if "Neither" in text else {"PC630"}, set())


def test_the_language_of_sdnext_is_kept_there() -> None:
    text = "a cat\nSteps: 20, Sampler: Euler, Size: 512x512, Seed: 5, CFG scale: 6, App: SD.Next, Version: 67408bb"
    grades = {fate.key: fate.grade for fate in paramc.convert(text, "sdnext").report.fates}
    assert grades["text.language"] == "exact"
