"""What a settings text says: tasks, stages, names, contradictions, and values that no program could use."""

import time

import pytest

from paramc.dialects.read_infotext import read_infotext
from paramc.dialects.registry import find_dialect
from paramc.ir.assets import AssetRef, Hash
from paramc.ir.control import ControlNet, ExtraNetwork, OpaquePatch
from paramc.ir.extensions import TiledDiffusion, TiledRegion
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.paths import value_at
from paramc.ir.stages import Detailer, Enlarge, Hires, ImageToImage, Inpaint, SoftInpainting, TextToImage

A1111 = find_dialect("a1111")
BASE = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x768"


def read(fields: str = "", *, base: str = BASE, dialect: str = "a1111") -> Job:
    return read_infotext(f"a cat\n{base}{', ' if fields else ''}{fields}", find_dialect(dialect))[0]


def codes(fields: str, *, base: str = BASE) -> list[str]:
    diagnostics = read_infotext(f"a cat\n{base}, {fields}", A1111)[1]
    return [item.code for item in diagnostics if item.code.startswith("PC3")]


def problem(fields: str) -> str | None:
    key = fields.rpartition(", ")[2].partition(":")[0]
    return next(stated.problem for stated in reversed(read(fields).ledger) if stated.key == key)


class TestTask:
    def test_a_text_without_strength_starts_from_noise(self) -> None:
        assert read().task == TextToImage()

    def test_a_strength_alone_means_a_picture_at_the_start(self) -> None:
        assert read("Denoising strength: 0.4").task == ImageToImage(strength=0.4)

    def test_the_hash_of_a_picture_means_one_too(self) -> None:
        task = read("Init image hash: 0a1b").task
        assert isinstance(task, ImageToImage)
        assert task.init.md5 == "0a1b"

    @pytest.mark.parametrize(
        ("field", "values"),
        [
            ("Mask blur: 8", {"mask_blur": 8}),
            ("Mask mode: Inpaint not masked", {"inverts_mask": True}),
            ("Inpaint area: Only masked", {"area": "masked"}),
            ("Masked content: latent noise", {"fill": "latent_noise"}),
            ("Soft inpainting enabled: True", {"soft": SoftInpainting()}),
        ],
    )
    def test_a_field_of_the_mask_means_inpainting(self, field: str, values: dict[str, object]) -> None:
        assert read(f"Denoising strength: 0.5, {field}").task == Inpaint(strength=0.5, **values)

    @pytest.mark.parametrize("field", ["Hires upscale: 2", "Hires resize: 1024x0", "First pass size: 0x0"])
    def test_with_a_second_pass_the_strength_is_its_own(self, field: str) -> None:
        job = read(f"Denoising strength: 0.4, {field}")
        assert job.task == TextToImage()
        assert job.hires is not None
        assert job.hires.strength == 0.4

    @pytest.mark.parametrize("field", ["Hires resize: 0x0", "Hires upscaler: Latent", "Hires steps: 10"])
    def test_nothing_else_switches_the_second_pass_on(self, field: str) -> None:
        assert read(f"Denoising strength: 0.4, {field}").task == ImageToImage(strength=0.4)

    def test_a_refiner_of_none_is_none(self) -> None:
        assert read("Refiner: None").stages == ()

    def test_a_line_of_post_processing_alone_means_no_sampling(self) -> None:
        job, diagnostics = read_infotext("Postprocess upscale by: 4, Postprocess upscaler: R-ESRGAN 4x+", A1111)
        assert job.task == Enlarge()
        assert value_at(job, "stages.post_upscale.upscaler") == "model:R-ESRGAN 4x+"
        assert diagnostics == ()


class TestSizes:
    def test_the_first_pass_of_old_is_the_size_and_the_size_the_final_one(self) -> None:
        job = read("Denoising strength: 0.7, First pass size: 384x576", base=BASE.replace("512x768", "768x1152"))
        assert (job.size, job.hires) == (Size(384, 576), Hires(size=Size(768, 1152), strength=0.7))

    @pytest.mark.parametrize(
        ("final", "first"),
        [("1024x1024", (512, 512)), ("768x1152", (448, 640)), ("1920x1080", (704, 384)), ("512x512", (512, 512))],
    )
    def test_a_first_pass_of_nothing_has_the_area_of_512_squared(self, final: str, first: tuple[int, int]) -> None:
        assert read("First pass size: 0x0", base=BASE.replace("512x768", final)).size == first

    def test_noise_of_no_size_is_no_size(self) -> None:
        assert read("Seed resize from: -1x-1").noise.resized_from is None

    @pytest.mark.parametrize("spelling", ["512x768", "512X768", "512 x 768", "512×768"])
    def test_sizes_may_be_spelt_loosely(self, spelling: str) -> None:
        assert read(base=BASE.replace("512x768", spelling)).size == Size(512, 768)


class TestSamplers:
    @pytest.mark.parametrize(
        ("fields", "sampler", "schedule"),
        [
            ("Sampler: DPM++ 2M Karras", "dpmpp_2m", "karras"),
            ("Sampler: DPM++ 2M, Schedule type: Karras", "dpmpp_2m", "karras"),
            ("Sampler: DPM++ 2M Karras, Schedule type: exponential", "dpmpp_2m", "exponential"),
            ("Sampler: DPM++ 2M", "dpmpp_2m", None),
            ("Sampler: Nope", "unknown:Nope", None),
            ("Sampler: Euler, Schedule type: Sideways", "euler", "unknown:Sideways"),
        ],
    )
    def test_the_schedule_has_a_field_or_stands_in_the_name(
        self, fields: str, sampler: str, schedule: str | None
    ) -> None:
        sampling = read(base=f"Steps: 20, {fields}, Seed: 1").sampling
        assert (sampling.sampler, sampling.schedule) == (sampler, schedule)

    def test_strictly_a_bare_name_has_todays_schedule(self) -> None:
        text = "a\nSteps: 20, Sampler: DPM++ 2M, Seed: 1, Size: 512x512"
        sampling = read_infotext(text, A1111, strict=True)[0].sampling
        assert (sampling.sampler, sampling.schedule) == ("dpmpp_2m", "automatic")

    def test_strictly_an_unknown_name_is_the_uis_default(self) -> None:
        text = "a\nSteps: 20, Sampler: Nope Karras, Seed: 1, Size: 512x512"
        sampling = read_infotext(text, A1111, strict=True)[0].sampling
        assert (sampling.sampler, sampling.schedule) == ("dpmpp_2m", "karras")

    def test_the_second_pass_may_have_its_own(self) -> None:
        hires = read("Hires upscale: 2, Hires sampler: DPM++ SDE Karras, Hires schedule type: Use same scheduler").hires
        assert hires is not None
        assert (hires.sampler, hires.schedule) == ("dpmpp_sde", None)

    def test_in_forge_classic_the_name_carries_the_schedule(self) -> None:
        sampling = read(base="Steps: 20, Sampler: DPM2 a Karras, Seed: 1", dialect="forge_classic").sampling
        assert (sampling.sampler, sampling.schedule) == ("dpm_2_ancestral", "karras")


class TestAssets:
    def test_a_hash_is_told_by_its_length(self) -> None:
        for digits, algorithm in (("0123abcd", "autov1"), ("0123456789", "sha256")):
            checkpoint = read(f"Model hash: {digits}, Model: m").assets.checkpoint
            assert checkpoint == AssetRef(
                name="m", hashes=(Hash.model_validate({"algorithm": algorithm, "hex": digits}),)
            )

    def test_resources_add_what_other_fields_left_out(self) -> None:
        assets = read(
            'Model hash: 0123abcd, Lora hashes: "a: 0123456789ab", TI hashes: "e: 0123456789ab", '
            'Hashes: {"model": "0123456789", "lora:a": "9876543210", "lora:b": "5555555555", "embed:e": "0123456789"}'
        ).assets
        assert assets.checkpoint is not None
        assert [item.algorithm for item in assets.checkpoint.hashes] == ["autov1", "sha256"]
        assert [(one.name, [item.algorithm for item in one.hashes]) for one in assets.networks] == [
            ("a", ["addnet", "sha256"]),
            ("b", ["sha256"]),
        ]
        assert [item.hex for item in assets.embeddings[0].hashes] == ["0123456789ab"]

    def test_networks_outside_the_prompt_are_patches(self) -> None:
        fields = "AddNet Enabled: True, AddNet Module 1: LoRA, AddNet Model 1: a(0123456789ab), AddNet Weight A 1: 0.8"
        model = AssetRef(name="a", hashes=(Hash(algorithm="sha256", hex="0123456789ab"),))
        assert read(fields).patches == (ExtraNetwork(unit=1, model=model, unet=0.8),)

    def test_modules_are_in_the_order_of_their_numbers(self) -> None:
        modules = read("Module 2: clip_l, Module 1: ae", dialect="forge").assets.modules
        assert [module.name for module in modules] == ["ae", "clip_l"]


class TestExtensions:
    UNIT = ControlNet(
        unit=1,
        preprocessor="canny",
        model=AssetRef(name="m", hashes=(Hash(algorithm="autov1", hex="0123abcd"),)),
        weight=0.5,
    )

    @pytest.mark.parametrize(
        "fields",
        [
            'ControlNet 1: "Module: canny, Model: m [0123abcd], Weight: 0.5"',
            'ControlNet 1: "preprocessor: canny, model: m [0123abcd], weight: 0.5, starting/ending: (0, 1)"',
            "ControlNet-1 Enabled: True, ControlNet-1 Module: canny, ControlNet-1 Model: m [0123abcd], ControlNet-1 Weight: 0.5",
            "ControlNet 1 Preprocessor: canny, ControlNet 1 Model: m [0123abcd], ControlNet 1 Weight: 0.5",
        ],
    )
    def test_control_units_of_every_era_say_the_same(self, fields: str) -> None:
        assert read(fields).controls == (self.UNIT,)

    def test_one_unit_without_a_number_is_the_first(self) -> None:
        fields = (
            "ControlNet Enabled: True, ControlNet Module: canny, ControlNet Model: m [0123abcd], ControlNet Weight: 0.5"
        )
        assert read(fields).controls == (self.UNIT.model_copy(update={"unit": 0}),)

    def test_numbers_in_parentheses_belong_together(self) -> None:
        unit = read("ControlNet 0 Preprocessor: canny, ControlNet 0 Preprocessor Parameters: (512, 100, 200)").controls[
            0
        ]
        assert (unit.resolution, unit.threshold_a, unit.threshold_b) == (512, 100, 200)

    def test_what_a_unit_says_beyond_is_kept(self) -> None:
        unit = read('ControlNet 0: "Module: canny, Low Vram: False, Weight: heavy"').controls[0]
        assert (unit.options, unit.weight) == ((("Low Vram", "False"), ("Weight", "heavy")), 1.0)

    def test_detailers_are_numbered_by_their_suffix(self) -> None:
        fields = "ADetailer model: face.pt, ADetailer steps: 9, ADetailer model 2nd: hand.pt, ADetailer version: 24.1"
        assert read(fields).stages == (Detailer(model="face.pt", version="24.1"), Detailer(model="hand.pt"))

    def test_a_detailers_own_value_counts_only_when_it_is_switched_on(self) -> None:
        fields = (
            "ADetailer model: face.pt, ADetailer use separate steps: True, ADetailer steps: 9, ADetailer CFG scale: 7.0"
        )
        assert read(fields).stages == (Detailer(model="face.pt", steps=9),)

    def test_other_extensions_are_kept_together_in_order(self) -> None:
        patches = read('Cutoff x: True, LLuL x: {"Method": "M, x"}, Cutoff y: "1,1"').patches
        assert patches == (
            OpaquePatch(name="cutoff", fields=(("Cutoff x", "True"), ("Cutoff y", "1,1"))),
            OpaquePatch(name="llul", fields=(("LLuL x", '{"Method": "M, x"}'),)),
        )

    def test_tiles_and_their_regions_are_taken_out_of_their_object(self) -> None:
        region = '{"enable": true, "x": 0.4, "prompt": "fox: red, Steps: 99", "blend_mode": "Background", "seed": -1}'
        tiles = f'{{"Method": "Mixture of Diffusers", "Tile Overlap": 48, "Region control": {{"Region 1": {region}}}}}'
        job = read(f"Tiled Diffusion: {tiles}")
        taken = TiledRegion(x=0.4, prompt="fox: red, Steps: 99", blend="background", seed=-1)
        assert job.patches == (TiledDiffusion(method="mixture", overlap=48, regions=(taken,)),)
        assert job.sampling.steps == 20

    def test_what_an_object_says_beyond_is_kept(self) -> None:
        patch = read('Tiled Diffusion: {"Method": "Newer", "Tile Overlap": null, "Shape": [1, "a"]}').patches
        assert patch == (TiledDiffusion(options=(("Method", '"Newer"'), ("Shape", '[1, "a"]'))),)

    def test_an_empty_object_makes_its_part_too(self) -> None:
        assert read("Tiled Diffusion: {}").patches == (TiledDiffusion(),)

    @pytest.mark.parametrize("value", ['"broken', "[1, 2]", "9", '{"Region control": {"Region 1": 5}'])
    def test_what_is_no_object_is_kept_as_it_is(self, value: str) -> None:
        job = read(f"Tiled Diffusion: {value}")
        assert [stated.paths for stated in job.ledger if stated.key == "Tiled Diffusion"] == [()]

    def test_a_key_that_no_table_knows_stays_in_the_ledger_alone(self) -> None:
        job = read("Frobnication: 3")
        assert job == read()
        assert [(stated.key, stated.raw, stated.paths) for stated in job.ledger][-1] == ("Frobnication", "3", ())


class TestContradictions:
    def test_two_fields_against_each_other_are_named(self) -> None:
        fields = "AddNet Model 1: a, AddNet Weight A 1: 1, AddNet Weight 1: 0.5"
        assert codes(fields) == ["PC325"]

    def test_a_suffix_against_a_schedule_is_named(self) -> None:
        base = "Steps: 20, Sampler: DPM++ 2M Karras, Schedule type: Exponential, Seed: 1"
        assert codes("Clip skip: 2", base=base) == ["PC326"]

    def test_a_default_does_not_undo_what_another_field_says(self) -> None:
        assert read("Pad conds v0: True, Pad conds: False").text.padding == "repeat_last"

    def test_the_last_of_two_equal_keys_counts(self) -> None:
        job = read("Clip skip: 2, Clip skip: 3")
        assert job.text.layer == -3
        assert [stated.problem for stated in job.ledger if stated.key == "Clip skip"] == ["said again later", None]

    def test_one_that_can_be_read_counts_before_a_later_one_that_cannot(self) -> None:
        assert read("Clip skip: 2, Clip skip: many").text.layer == -2

    def test_a_bare_name_without_a_version_is_remarked(self) -> None:
        assert codes("Clip skip: 2", base="Steps: 20, Sampler: DPM++ 2M, Seed: 1") == ["PC327"]
        assert codes("Version: v1.5.0", base="Steps: 20, Sampler: DPM++ 2M, Seed: 1") == []
        assert codes("Clip skip: 2", base="Steps: 20, Sampler: Restart, Seed: 1") == []

    def test_fields_of_a_pass_that_is_not_there_are_remarked(self) -> None:
        assert codes("Hires steps: 3") == ["PC328"]
        assert problem("Hires steps: 3") == "belongs to a stage that is not there"


@pytest.mark.parametrize(
    "field",
    [
        "CFG scale: 1e999", "CFG scale: nan", "CFG scale: -inf", "CFG scale: seven", "CFG scale: 1_0", "Clip skip: 2 recommended",
        f"ENSD: {'9' * 30}", f"ENSD: {'9' * 5000}", "Batch size: 2.5", "Seed resize from: 1x2x3", "Hires resize: -1x5",
        "Model hash: none", "RNG: dice", "Tiling: perhaps", "Mask mode: both", 'Hashes: "[[["', 'ControlNet 0: "nothing"',
        'Lora hashes: "a, b"',
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_read_is_kept_and_named(field: str) -> None:
    job, diagnostics = read_infotext(f"a\n{BASE}, {field}", A1111)
    stated = next(stated for stated in reversed(job.ledger) if field.startswith(stated.key) and stated.key)
    assert stated.problem
    assert stated.paths == ()
    named = [item for item in diagnostics if item.code == "PC320"]
    assert [item.labels[0].span for item in named] == [(stated.span[1] - len(stated.raw), stated.span[1])]


def test_the_ledger_rebuilds_the_source() -> None:
    text = "\n a cat \r\nNegative prompt:\nSteps: 20,Sampler :  Euler a ,, CFG scale: , F+G: 1, Seed: 1, Size: 5x5\n\n"
    job, _ = read_infotext(text, A1111)
    assert all(stated.span for stated in job.ledger)
    pieces = [text[stated.span[0] : stated.span[1]] + stated.gap for stated in job.ledger if stated.span]
    assert "".join(pieces) == text


def test_every_entry_says_what_was_read() -> None:
    job = read("Denoising strength: 0.4, Hires upscale: 2, Clip skip: 2, Tiling: True, X Type: Seed")
    by_key = {stated.key: (stated.paths, stated.read) for stated in job.ledger}
    assert by_key["Denoising strength"] == (("stages.hires.strength",), ("0.4",))
    assert by_key["Hires upscale"] == (("stages.hires.scale", "stages.hires.kind"), ("2", "'hires'"))
    assert by_key["Clip skip"] == (("text.layer",), ("-2",))
    assert by_key["Sampler"] == (("sampling.sampler",), ("'euler_ancestral'",))
    assert by_key["Tiling"] == (("patches.tiling.kind",), ("'tiling'",))
    assert by_key["X Type"] == (("producer.notes",), ("('X Type', 'Seed')",))


@pytest.mark.parametrize("number", ["1e-99999999999999999999", "-0e999999999999999999999999"])
def test_a_share_of_any_exponent_is_read(number: str) -> None:
    patch = read(f"Dynamic thresholding enabled: True, Threshold percentile: {number}").patches[0]
    assert patch.kind == "dynamic_thresholding"
    assert patch.percentile == 0


HOSTILE = {
    "a number of a million digits": f"ENSD: {'9' * 1_000_000}",
    "a name of a million signs": f"Model: {'x' * 1_000_000}",
    "a hash of a million digits": f"Model hash: {'a' * 1_000_000}",
    "a name of many words before a bracket": f"Refiner: {'a ' * 400_000}[zz]",
    "a name with a gap before a bracket": f"Refiner: a{' ' * 900_000}zz]",
    "a unit of many parts": 'ControlNet 0: "' + "A: 1, " * 100_000 + '"',
    "a unit of many brackets": 'ControlNet 0: "Module: ' + "(" * 900_000 + '"',
    "JSON of many levels": f'Hashes: "{"[" * 100_000}"',
    "many hashes": f'Lora hashes: "{", ".join(f"n{i}: 0123456789ab" for i in range(30_000))}"',
    "many repetitions": ", ".join(["Clip skip: 2"] * 20_000),
    "many unknown keys": ", ".join(f"Key{i}: v" for i in range(20_000)),
    "many fields of one extension": ", ".join(f"RP {i}: v" for i in range(20_000)),
    "many detailers": ", ".join(f"ADetailer model {i}th: v" for i in range(4, 9_000)),
    "many units": ", ".join(f'ControlNet {i}: "Module: a"' for i in range(9_000)),
    "a sampler of a million signs": f"Hires upscale: 2, Hires sampler: {'E' * 1_000_000}",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("strict", [False, True])
def test_hostile_input_is_read_in_linear_time(name: str, strict: bool) -> None:
    started = time.process_time()
    read_infotext(f"a\n{BASE}, {HOSTILE[name]}", A1111, strict=strict)
    assert time.process_time() - started < 10  # about 1 s at rest; quadratic behaviour takes minutes
