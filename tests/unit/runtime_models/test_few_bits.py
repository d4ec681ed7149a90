"""Weights in few bits: GGUF's blocks as diffusers reads them, 4 bits of bitsandbytes by their formula, scaled fp8."""

import json
import math
import struct
import sys
from collections.abc import Callable, Iterator
from enum import IntEnum
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor

import paramc
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import read_header
from paramc.runtime.catalogue.signs import identify
from paramc.runtime.execute.runner import Runner
from paramc.runtime.models.blocks import FORMATS
from paramc.runtime.models.checkpoint import load_checkpoint
from paramc.runtime.models.tensors import open_tensors
from tests.unit.runtime_execute.families import CLIP_L, MERGES, T5, UNET, flux_file
from tests.unit.runtime_execute.test_families import FORGE
from tests.unit.runtime_models.gguf_file import TYPES, Stored, text, write_gguf
from tests.unit.runtime_models.tiny import filled, save

pytestmark = pytest.mark.sdk

Reference = Callable[[Tensor, int, int, torch.dtype], Tensor]
BLOCKED = [kind for kind, (_, values, _) in TYPES.items() if values > 1 and kind != "IQ2_XS"]


@pytest.fixture(scope="module")
def diffusers_reads() -> Iterator[Callable[[str, Tensor], Tensor]]:
    """diffusers' own functions, which want a package of constants to be there."""
    constants = ModuleType("gguf")
    kinds = {kind: number for kind, (number, _, _) in TYPES.items()}
    others = {"Q8_1": 9, "IQ1_M": 29, "IQ1_S": 19, "IQ2_XXS": 16, "IQ2_S": 22, "IQ3_XXS": 18, "IQ3_S": 21}
    constants.GGMLQuantizationType = IntEnum("GGMLQuantizationType", kinds | others)  # type: ignore[attr-defined]
    constants.GGML_QUANT_SIZES = {}  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "gguf", constants)
        from diffusers.quantizers.gguf.utils import dequantize_functions

        def reads(kind: str, data: Tensor) -> Tensor:
            number, values, size = TYPES[kind]
            function: Reference = dequantize_functions[number]
            return function(data.view(-1, size), values, size, torch.float32).flatten()

        yield reads
    for name in [name for name in sys.modules if name.startswith("diffusers.quantizers.gguf")]:
        del sys.modules[name]


def blocks(kind: str, count: int, seed: int = 0) -> Tensor:
    """Random blocks whose half-precision numbers are small and finite."""
    _, _, size = TYPES[kind]
    found = torch.randint(0, 256, (count, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    halves = {
        "Q2_K": (80, 82),
        "Q3_K": (108,),
        "Q6_K": (208,),
        "Q4_1": (0, 2),
        "Q5_1": (0, 2),
        "Q4_K": (0, 2),
        "Q5_K": (0, 2),
    }
    for place in halves.get(kind, (0,)):
        found[:, place + 1] = found[:, place + 1] & 0x83 | 0x10  # of some 1e-3 in size
    return found


def test_every_format_has_a_reference() -> None:
    assert set(BLOCKED) == set(FORMATS)


@pytest.mark.parametrize("kind", BLOCKED)
def test_blocks_are_the_numbers_that_diffusers_makes_of_them(
    tmp_path: Path, diffusers_reads: Callable[[str, Tensor], Tensor], kind: str
) -> None:
    data = blocks(kind, 6)
    shape = (3, 2 * TYPES[kind][1])
    path = write_gguf(tmp_path / "a.gguf", {"x": (kind, shape, data.numpy().tobytes())})
    with open_tensors(path) as file:
        found = file.read("x")
    wanted = diffusers_reads(kind, data.flatten()).view(shape)
    assert torch.equal(found, wanted)
    assert wanted.abs().max() > 0


def test_a_block_of_four_bits_is_its_formula(tmp_path: Path) -> None:
    stored = struct.pack("<e", 0.5) + bytes(range(0, 256, 16))
    with open_tensors(write_gguf(tmp_path / "a.gguf", {"x": ("Q4_0", (1, 32), stored)})) as file:
        found = file.read("x")
    assert found[0].tolist() == [0.5 * (0 - 8)] * 16 + [0.5 * (high - 8) for high in range(16)]


@pytest.mark.parametrize(("kind", "dtype"), [("F32", torch.float32), ("F16", torch.float16), ("BF16", torch.bfloat16)])
def test_whole_numbers_stay_what_they_are(tmp_path: Path, kind: str, dtype: torch.dtype) -> None:
    values = torch.arange(6).to(dtype).view(2, 3)
    stored = values.view(torch.uint8).numpy().tobytes()
    with open_tensors(write_gguf(tmp_path / "a.gguf", {"x": (kind, (2, 3), stored)})) as file:
        assert torch.equal(file.read("x"), values)


def stored(name: str, tensor: Tensor) -> Stored:
    """As quantising programs do it: matrices in blocks, where rows are long enough, all else in float32."""
    whole = tensor.dim() != 2 or tensor.shape[1] % 32 or "norm" in name
    if whole:
        return "F32", tensor.shape, tensor.contiguous().numpy().tobytes()
    parts = tensor.reshape(-1, 32)
    scales = (parts.abs().amax(1, keepdim=True) / 127).half()
    quanta = (parts / scales.float()).round().clamp(-127, 127).to(torch.int8)
    data = torch.cat([scales.view(torch.uint8), quanta.view(torch.uint8)], dim=1)
    return "Q8_0", tensor.shape, data.numpy().tobytes()


T5_NAMES = {
    "encoder.block.": "enc.blk.", "encoder.final_layer_norm": "enc.output_norm", "shared": "token_embd",
    "layer.0.SelfAttention.relative_attention_bias": "attn_rel_b", "layer.0.SelfAttention.": "attn_",
    "layer.0.layer_norm": "attn_norm", "layer.1.layer_norm": "ffn_norm", "layer.1.DenseReluDense.wi_0": "ffn_gate",
    "layer.1.DenseReluDense.wi_1": "ffn_up", "layer.1.DenseReluDense.wo": "ffn_down",
}  # fmt: skip


def in_gguf(name: str) -> str:
    for old, new in T5_NAMES.items():
        name = name.replace(old, new)
    return name


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in one file, and its pieces as people have them: two in GGUF, two in safetensors."""
    folder = tmp_path_factory.mktemp("pieces")
    whole = load_file(flux_file(folder / "tiny-flux-whole.safetensors"))
    own: dict[str, dict[str, Tensor]] = {prefix: {} for prefix in (UNET, T5, CLIP_L, "vae.")}
    for name, tensor in whole.items():
        prefix = next(prefix for prefix in own if name.startswith(prefix))
        own[prefix][name.removeprefix(prefix)] = tensor
    [(key, merges)] = MERGES.items()
    words = text(key) + struct.pack("<I", 8) + text(merges)
    model = {name: stored(name, each) for name, each in own[UNET].items()}
    write_gguf(folder / "flux1-dev-Q8_0.gguf", model, extra=words, more=1)
    texts = {in_gguf(name): stored(name, each) for name, each in own[T5].items()}
    write_gguf(folder / "t5-v1_1-xxl-encoder-Q8_0.gguf", texts, "t5encoder")
    save(folder / "clip_l.safetensors", own[CLIP_L], MERGES)
    save(folder / "ae.safetensors", own["vae."])
    return folder


def test_a_model_in_pieces_of_gguf_is_the_same_within_the_steps_of_its_quanta(pieces: Path) -> None:
    main = pieces / "flux1-dev-Q8_0.gguf"
    modules = [pieces / name for name in ("t5-v1_1-xxl-encoder-Q8_0.gguf", "clip_l.safetensors", "ae.safetensors")]
    assert identify(read_header(main)) == ("diffusion_model", "flux-dev", "flux")
    wanted, found = load_checkpoint(pieces / "tiny-flux-whole.safetensors"), load_checkpoint(main, modules=modules)
    for one, two in zip((found.unet, *found.text_encoders), (wanted.unet, *wanted.text_encoders), strict=True):
        state = two.state_dict()
        steps = [(each - state[name]).abs().max() / state[name].abs().max() for name, each in one.state_dict().items()]
        assert max(steps) <= 0.6 / 127
    assert not torch.equal(found.unet.state_dict()["x_embedder.weight"], wanted.unet.state_dict()["x_embedder.weight"])


@pytest.mark.parametrize("modules", [", Module 1: ae, Module 2: clip_l, Module 3: t5-v1_1-xxl-encoder-Q8_0", ""])
def test_settings_that_name_pieces_of_gguf_are_painted_with_their_numbers(
    pieces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, modules: str
) -> None:
    monkeypatch.setenv("PARAMC_HOME", str(tmp_path / "home"))
    whole = load_file(pieces / "tiny-flux-whole.safetensors")
    for prefix, piece in ((UNET, "flux1-dev-Q8_0"), (T5, "t5-v1_1-xxl-encoder-Q8_0")):
        with open_tensors(pieces / f"{piece}.gguf") as file:
            whole |= {f"{prefix}{name}": file.read(name) for name in file.header.tensors}
    save(tmp_path / "tiny-flux-rounded.safetensors", whole, MERGES)
    asked = (
        f"a cat\nSteps: 2, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Seed: 1, Size: 64x64, RNG: CPU{modules}"
    )
    found, wanted = (
        Runner([folder], device="cpu", rng="cpu").run(paramc.parse(f"{asked}, Model: {model}, {FORGE}")).images[0]
        for folder, model in ((pieces, "flux1-dev-Q8_0"), (tmp_path, "tiny-flux-rounded"))
    )
    assert found.tobytes() == wanted.tobytes()


def test_a_tensor_that_was_stored_in_another_shape_has_its_own_again(tmp_path: Path) -> None:
    extra = text("comfy.gguf.orig_shape.x") + struct.pack("<IIQ4i", 9, 5, 4, 2, 4, 1, 1)
    path = write_gguf(tmp_path / "a.gguf", {"x": ("F32", (2, 4), bytes(32))}, extra=extra, more=1)
    assert read_header(path).shape("x") == (2, 4, 1, 1)


@pytest.mark.parametrize(
    ("inner", "form", "sides"),
    [(5, "i", (-2, -4)), (6, "f", (math.inf,)), (6, "f", (math.nan,)), (5, "i", (1,) * 9), (11, "q", (2**62,) * 4)],
)
def test_a_former_shape_that_is_none_is_not_taken(
    tmp_path: Path, inner: int, form: str, sides: tuple[float, ...]
) -> None:
    count = len(sides)
    extra = text("comfy.gguf.orig_shape.x") + struct.pack(f"<IIQ{count}{form}", 9, inner, count, *sides)
    path = write_gguf(tmp_path / "a.gguf", {"x": ("F32", (2, 4), bytes(32))}, extra=extra, more=1)
    assert read_header(path).shape("x") == (2, 4)


def test_tensors_with_more_sides_than_any_model_has_are_refused_before_they_are_read(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + text("x") + struct.pack("<I", 900_000)) == "PC521"
    sides = {"dtype": "U8", "shape": [1] * 9, "data_offsets": [0, 1]}
    table = json.dumps({"x": sides}).encode()
    assert refusal(tmp_path, struct.pack("<Q", len(table)) + table + b"x") == "PC521"


def test_tensors_that_lie_over_one_another_are_refused(tmp_path: Path) -> None:
    one = struct.pack("<IQIQ", 1, 8, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 2, 0) + text("x") + one + text("y") + one
    assert refusal(tmp_path, head + bytes(-len(head) % 32) + bytes(32)) == "PC521"


@pytest.mark.parametrize("count", [5, 34])
def test_blocks_of_gguf_in_another_format_are_read_by_their_size_or_named(tmp_path: Path, count: int) -> None:
    table = json.dumps({"x": {"dtype": "Q8_0", "shape": [3], "data_offsets": [0, count]}}).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(table)) + table + bytes(count))
    with open_tensors(path) as file, pytest.raises(ModelError) as caught:
        file.read("x")
    assert caught.value.diagnostics[0].code == "PC521"


def test_a_format_that_is_not_read_is_named_before_the_weights_are(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "a.gguf", {"x": ("IQ2_XS", (1, 256), bytes(74))})
    with pytest.raises(ModelError) as caught, open_tensors(path):
        pass
    said = caught.value.diagnostics[0]
    assert (said.code, "in IQ2_XS" in said.message) == ("PC583", True)


def test_another_version_of_the_format_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"GGUF" + bytes(100)) == "PC521"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    tensors: dict[str, Stored] = {"a.weight": ("Q4_0", (2, 32), bytes(36)), "b": ("F32", (3,), bytes(12))}
    extra = text("list") + struct.pack("<IIQ", 9, 8, 2) + text("one") + text("two")
    return write_gguf(tmp_path_factory.mktemp("gguf") / "a.gguf", tensors, extra=extra, more=1).read_bytes()


def refusal(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "a.gguf"
    path.write_bytes(data)
    try:
        read_header(path)
    except ModelError as error:
        return error.diagnostics[0].code
    return ""


def test_a_file_cut_short_anywhere_is_named(sound: bytes, tmp_path: Path) -> None:
    end = len(sound) - 20  # the last tensor is followed by nothing but filling
    assert {refusal(tmp_path, sound[:length]) for length in range(4, end, 3)} == {"PC522"}
    assert refusal(tmp_path, sound) == ""


@given(place=st.integers(4, 300), byte=st.integers(0, 255))
def test_a_damaged_header_is_refused_or_read(
    sound: bytes, tmp_path_factory: pytest.TempPathFactory, place: int, byte: int
) -> None:
    data = bytearray(sound)
    data[place % len(data)] = byte
    assert refusal(tmp_path_factory.mktemp("damaged"), bytes(data)) in ("", "PC521", "PC522", "PC583")


CODES = torch.tensor([-1.0, -0.7, -0.5, -0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0])


def packed(name: str, shape: tuple[int, int], *, nested: bool, seed: int = 0) -> tuple[dict[str, Tensor], Tensor]:
    """A weight as bitsandbytes stores it, and what it is, value by value."""
    stream = torch.Generator().manual_seed(seed)
    count = shape[0] * shape[1]
    quanta = torch.randint(0, 16, (count,), generator=stream)
    state: dict[str, object] = {"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": list(shape)}
    parts = {name: (quanta[::2] * 16 + quanta[1::2]).to(torch.uint8)[:, None], f"{name}.quant_map": CODES.clone()}
    if nested:
        state |= {"nested_blocksize": 4, "nested_dtype": "float32", "nested_offset": 0.25}
        outer = torch.rand(256, generator=stream)
        numbers = torch.randint(0, 256, (count // 64,), generator=stream)
        means = torch.rand(-(-len(numbers) // 4), generator=stream)
        scales = [float(outer[number] * means[place // 4] + 0.25) for place, number in enumerate(numbers.tolist())]
        parts |= {
            f"{name}.absmax": numbers.to(torch.uint8),
            f"{name}.nested_quant_map": outer,
            f"{name}.nested_absmax": means,
        }
    else:
        parts[f"{name}.absmax"] = torch.rand(count // 64, generator=stream)
        scales = parts[f"{name}.absmax"].tolist()
    written = torch.frombuffer(bytearray(json.dumps(state).encode()), dtype=torch.uint8)
    parts[f"{name}.quant_state.bitsandbytes__nf4"] = written
    values = [float(CODES[quantum]) * scales[place // 64] for place, quantum in enumerate(quanta.tolist())]
    return parts, torch.tensor(values).view(shape)


@pytest.mark.parametrize("nested", [False, True])
def test_weights_in_four_bits_are_code_times_scale(tmp_path: Path, nested: bool) -> None:
    parts, wanted = packed("x.weight", (6, 128), nested=nested)
    with open_tensors(save(tmp_path / "a.safetensors", parts)) as file:
        assert file.header.shape("x.weight") == (6, 128)
        assert list(file.header.tensors) == ["x.weight"]
        assert torch.allclose(file.read("x.weight"), wanted, atol=1e-7)


def test_a_checkpoint_in_four_bits_loads_by_its_keys_and_shapes(tmp_path: Path) -> None:
    tensors = load_file(flux_file(tmp_path / "a.safetensors"))
    wanted = {}
    for name in [f"{UNET}double_blocks.0.img_mlp.2.weight", f"{UNET}img_in.weight"]:
        first, second = tensors.pop(name).shape
        parts, wanted[name] = packed(name, (first, second), nested=False)
        tensors |= parts
    loaded = load_checkpoint(save(tmp_path / "b.safetensors", tensors, MERGES))
    assert loaded.diagnostics == ()
    found = loaded.unet.get_parameter("transformer_blocks.0.ff.net.2.weight")
    assert torch.allclose(found, wanted[f"{UNET}double_blocks.0.img_mlp.2.weight"], atol=1e-7)


def test_a_folder_of_diffusers_in_four_bits_loads(pieces: Path, tmp_path: Path) -> None:
    single = load_checkpoint(pieces / "tiny-flux-whole.safetensors")
    names = ("transformer", "vae", "text_encoder", "text_encoder_2")
    for name, model in zip(names, (single.unet, single.vae, *single.text_encoders), strict=True):
        model.save_pretrained(tmp_path / name)
    (tmp_path / "model_index.json").write_text("{}", encoding="utf-8")
    weight = "transformer_blocks.0.ff.net.2.weight"
    file = tmp_path / "transformer" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    first, second = tensors.pop(weight).shape
    parts, wanted = packed(weight, (first, second), nested=True)
    save(file, tensors | parts)
    for part in ("transformer", "text_encoder_2"):
        config = json.loads((tmp_path / part / "config.json").read_text(encoding="utf-8"))
        config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
        (tmp_path / part / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert torch.allclose(load_checkpoint(tmp_path).unet.get_parameter(weight), wanted, atol=1e-7)


@pytest.mark.parametrize("lost", ["absmax", "quant_map"])
def test_a_weight_in_four_bits_without_a_part_is_named(tmp_path: Path, lost: str) -> None:
    parts, _ = packed("x.weight", (2, 64), nested=False)
    del parts[f"x.weight.{lost}"]
    with open_tensors(save(tmp_path / "a.safetensors", parts)) as file, pytest.raises(ModelError) as caught:
        file.read("x.weight")
    said = caught.value.diagnostics[0]
    assert (said.code, f"`{lost}`" in said.message) == ("PC521", True)


@pytest.mark.parametrize("table", [b"{}", b"[]", b"nothing", b'{"shape": [2, "x"], "blocksize": 64}', b"[" * 9000])
def test_a_table_that_is_none_is_named(tmp_path: Path, table: bytes) -> None:
    parts, _ = packed("x.weight", (2, 64), nested=False)
    parts["x.weight.quant_state.bitsandbytes__nf4"] = torch.frombuffer(bytearray(table), dtype=torch.uint8)
    with pytest.raises(ModelError) as caught:
        read_header(save(tmp_path / "a.safetensors", parts))
    assert caught.value.diagnostics[0].code == "PC521"


@pytest.mark.parametrize("sides", [[10**12, 10**12], [2, 32], [128, True, 2]])
def test_a_shape_that_the_bytes_do_not_fill_is_named(tmp_path: Path, sides: list[int]) -> None:
    parts, _ = packed("x.weight", (2, 64), nested=False)
    table = json.dumps({"shape": sides, "blocksize": 64}).encode()
    parts["x.weight.quant_state.bitsandbytes__nf4"] = torch.frombuffer(bytearray(table), dtype=torch.uint8)
    with pytest.raises(ModelError) as caught:
        read_header(save(tmp_path / "a.safetensors", parts))
    assert caught.value.diagnostics[0].code == "PC521"


@pytest.mark.parametrize("size", ["blocksize", "nested_blocksize"])
def test_blocks_longer_than_the_weight_take_no_memory(tmp_path: Path, size: str) -> None:
    parts, _ = packed("x.weight", (2, 64), nested=True)
    table: dict[str, object] = {"shape": [2, 64], "blocksize": 64, "nested_blocksize": 4, "nested_offset": 10**400}
    written = json.dumps({**table, size: 10**30}).encode()
    parts["x.weight.quant_state.bitsandbytes__nf4"] = torch.frombuffer(bytearray(written), dtype=torch.uint8)
    with open_tensors(save(tmp_path / "a.safetensors", parts)) as file:
        assert file.read("x.weight").shape == (2, 64)


def test_scales_that_name_codes_that_are_not_there_are_named(tmp_path: Path) -> None:
    parts, _ = packed("x.weight", (2, 64), nested=True)
    parts["x.weight.absmax"] = torch.tensor([1e9, 7.0])
    with open_tensors(save(tmp_path / "a.safetensors", parts)) as file, pytest.raises(ModelError) as caught:
        file.read("x.weight")
    assert caught.value.diagnostics[0].code == "PC521"


@pytest.mark.parametrize("shape", [(), (4, 2)])
def test_factors_that_do_not_fit_the_weight_are_named(tmp_path: Path, shape: tuple[int, ...]) -> None:
    tensors = {"x.weight": torch.ones(shape), "x.weight_scale": torch.ones(3)}
    with open_tensors(save(tmp_path / "a.safetensors", tensors)) as file, pytest.raises(ModelError) as caught:
        file.read("x.weight")
    assert caught.value.diagnostics[0].code == "PC521"


@pytest.mark.parametrize(("end", "title"), [("weight_scale_2", "NVFP4"), ("SCB", "int8 of bitsandbytes")])
def test_packings_that_are_not_read_are_refused_by_name(tmp_path: Path, end: str, title: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_header(save(tmp_path / "a.safetensors", filled({"x.weight": (2, 2), f"x.{end}": (2,)})))
    said = caught.value.diagnostics[0]
    assert (said.code, f"in {title}" in said.message) == ("PC583", True)


@pytest.mark.parametrize("end", ["scale_weight", "weight_scale"])
@pytest.mark.parametrize("shape", [(), (1,), (4,), (4, 1)])
def test_fp8_with_a_factor_for_all_or_for_each_row(tmp_path: Path, end: str, shape: tuple[int, ...]) -> None:
    stored = (filled({"x": (4, 3)})["x"] * 16).to(torch.float8_e4m3fn)
    factor = filled({"x": shape}, 1)["x"]
    marks = {"scaled_fp8": torch.zeros(2).to(torch.float8_e4m3fn), "x.scale_input": torch.tensor(2.0)}
    path = save(tmp_path / "a.safetensors", {"x.weight": stored, f"x.{end}": factor} | marks)
    with open_tensors(path) as file:
        assert list(file.header.tensors) == ["x.weight"]
        assert torch.equal(file.read("x.weight"), stored.float() * factor.reshape(-1, 1))
