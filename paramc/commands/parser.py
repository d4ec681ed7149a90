"""How each verb is written: its arguments, by argparse."""

from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace
from functools import partial
from itertools import pairwise

from paramc.commands.verbs import VERBS

TYPE_CHECKING = False  # the typing module would cost more than this one
if TYPE_CHECKING:
    from typing import Literal, NoReturn

    from paramc.backends.report import Grade

LISTS = ("dialects", "targets", "samplers", "schedules", "passes", "codes", "rules", "features")
MODELS = ("scan", "list", "find", "unpack")
KINDS = (
    "checkpoint", "diffusion_model", "vae", "text_encoder", "network", "embedding", "controlnet", "image_encoder",
    "depth_model", "upscaler", "unknown",
)  # fmt: skip  # as in runtime/catalogue/signs.py
SCHEMAS = ("job", "plan", "report", "diagnostic")
SHELLS = ("bash", "zsh", "fish")
STAGES = ("source", "tree", "job", "plan", "artifact")
GRADES = ("exact", "inert", "close", "approximate", "dropped")  # best first, as in backends/report.py
FORMATS = ("text", "json")
FINDINGS = ("text", "json", "sarif", "github", "markdown")
REPORTS = ("table", "markdown")
FIXES = ("safe", "maybe")
SEVERITIES = ("error", "warning", "info")
NEVER = "never"
_BARE = {"--report": "--report=table", "--fix": "--fix=safe"}  # options whose value may be left out, but not apart
DTYPES = ("float32", "float16", "bfloat16")
OFFLOADS = ("auto", "none", "model", "layers")
STORED = ("same", "float8")
RNGS = ("cpu", "cuda", "nv")
MOST_VARIANTS = 10_000  # of a template at a time
SERVER = "http://127.0.0.1:8188"
SEED_DIGITS = 19  # of the largest number that a generator takes
_SOURCE = "an image, a text file, `-` for standard input, or the settings text itself"


OPTIONS_END = "--"
SHORT_OPTIONS = {
    "style": "how a script makes the picture: plain, exact, paramc",
    "prompts": "how a script encodes texts: plain, exact",
}
"""Options of targets that may be named alone."""
_WORD = "\0"  # no command line can hold it: it stands before a word that is no option, whatever it begins with


class UsageError(Exception):
    """The command line cannot be understood; the argument says why."""


class Arguments(Namespace):
    """What the command line says; a verb sets the attributes of its own arguments, and the last three."""

    sources: list[str]
    source: str | None
    left: str
    right: str
    what: str
    name: str | None
    to: str | None
    output: str | None
    force: bool
    edits: list[tuple[str, str]]
    axes: list[str]
    one_graph: bool
    options: list[tuple[str, str]]
    speaks: str
    at_least: "Grade | None"
    emit: str
    trace: bool
    report: str | None
    select: list[str]
    ignore: list[str]
    severities: list[tuple[str, str]]
    fail_on: str | None
    fix: str | None
    config: str | None
    svg: str | None
    isolated: bool
    dialect: str | None
    family: str | None
    strict: bool
    picture: str
    origin: str | None
    strip: bool
    hidden: bool
    pick: int
    limit: int | None
    models: list[str]
    model: str | None
    vae: str | None
    device: str
    dtype: "Literal['float32', 'float16', 'bfloat16']"
    offload: "Literal['auto', 'none', 'model', 'layers']"
    weights: "Literal['same', 'float8']"
    tile_vae: bool
    channels_last: bool
    compile_model: bool
    seed: int | None
    variants: int | None
    wildcards: str | None
    rng: "Literal['cpu', 'cuda', 'nv'] | None"
    preview: bool
    rounds: int
    batch: int
    server: str
    inputs: list[str]
    renames: list[tuple[str, str]]
    timeout: float
    folders: list[str]
    find: str | None
    jobs: int
    names: list[str]
    kind: str | None
    hashes: bool
    grammars: list[str]
    targets: list[str]
    format: str


class Parser(ArgumentParser):
    """The arguments of one verb. Raises UsageError where argparse would print and leave."""

    def __init__(self, verb: str) -> None:
        super().__init__(f"paramc {verb}", description=f"{VERBS[verb]}.", add_help=False, allow_abbrev=False)
        self.add_argument("-h", "--help", action="store_true", help="print this page")
        self.set_defaults(format="text", grammars=[], targets=[])

    def error(self, message: str) -> "NoReturn":
        """Hand over what argparse found wrong."""
        raise UsageError(message)

    def read(self, words: list[str]) -> Arguments:
        """The arguments that the words say; none behind `--` is an option. Raises UsageError."""
        end = words.index(OPTIONS_END) if OPTIONS_END in words else len(words)
        arguments = Arguments()
        spelt = (_BARE.get(word, word) for word in words[:end])
        self.parse_intermixed_args([*spelt, *(_WORD + word for word in words[end + 1 :])], arguments)
        return arguments

    @property
    def arguments(self) -> list[Action]:
        """All arguments in the order of the help page."""
        return self._actions  # argparse has no public list of them


def parser_of(verb: str) -> Parser:
    """The parser of the words behind `verb`."""
    parser = Parser(verb)
    match verb:
        case "show" | "check":
            _add_sources(parser)
            _add_reading(parser)
            if verb == "check":
                _add_checking(parser)
            else:
                parser.add_argument("--svg", metavar="FILE", help="draw the noise levels of one source into a file")
                parser.add_argument("--force", action="store_true", help="write over a file that exists")
        case "convert":
            _add_source(parser)
            _add_conversion(parser)
            _add_reading(parser)
            _add_folders(parser, "targets")
        case "run":
            _add_sources(parser)
            _add_running(parser)
            _add_reading(parser)
            _add_folders(parser, "targets")
        case "grid":
            _add_source(parser)
            _add_sweeping(parser)
            _add_running(parser)
            _add_reading(parser)
            _add_folders(parser, "targets")
        case "submit" | "doctor":
            _add_serving(parser, whole=verb == "submit")
            _add_reading(parser)
        case "embed":
            _add_embedding(parser)
            _add_reading(parser)
            _add_folders(parser, "targets")
        case "scan":
            _add_scan(parser)
            _add_reading(parser)
        case "diff":
            parser.add_argument("left", type=_word, metavar="A", help=_SOURCE)
            parser.add_argument("right", type=_word, metavar="B", help=_SOURCE)
            about = "a PNG with both pictures and their difference side by side"
            parser.add_argument("-o", "--output", metavar="PNG", help=about)
            parser.add_argument("--force", action="store_true", help="write over a file that exists")
            _add_reading(parser)
        case "fields":
            _add_source(parser)
            parser.add_argument("--dialect", metavar="D", default=None, help="the program whose reader is followed")
            _add_folders(parser, "grammars")
        case "prompt":
            _add_prompt(parser)
        case "bench":
            _add_source(parser)
            _add_bench(parser)
            _add_reading(parser)
        case "explain":
            parser.add_argument(
                "what", type=_word, metavar="NAME", help="a code such as PC621, a sampler, a schedule or a feature"
            )
        case "list":
            parser.add_argument("what", type=_word, metavar="KIND", choices=LISTS, help=", ".join(LISTS))
            parser.add_argument("name", type=_word, nargs="?", metavar="NAME", help="one dialect or target in detail")
            _add_folders(parser, "grammars", "targets")
        case "models":
            _add_models(parser)
        case "schema":
            about = f"{', '.join(SCHEMAS)}; job by default"
            parser.add_argument(
                "what", type=_word, nargs="?", choices=SCHEMAS, default="job", metavar="KIND", help=about
            )
        case "completion":
            parser.add_argument("what", type=_word, metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))
    about = "json: one document with result and diagnostics on standard output"
    formats = {"check": FINDINGS, "diff": (*FORMATS, "markdown")}.get(verb, FORMATS)
    parser.add_argument("--format", choices=formats, default="text", help=about)
    return parser


def wants_json(words: list[str]) -> bool:
    """Do the words ask for JSON, whatever else is wrong with them?"""
    end = words.index(OPTIONS_END) if OPTIONS_END in words else len(words)
    return "--format=json" in words[:end] or ("--format", "json") in pairwise(words[:end])


def _add_source(parser: Parser) -> None:
    about = f"{_SOURCE}; standard input by default"
    parser.add_argument("source", type=_word, nargs="?", metavar="SRC", help=about)


def _add_sources(parser: Parser) -> None:
    about = f"{_SOURCE}; standard input by default"
    parser.add_argument("sources", type=_word, nargs="*", metavar="SRC", help=about)


def _add_edits(parser: Parser) -> None:
    about = "change a value of the job; `paramc schema job` prints the paths"
    parser.add_argument(
        "--set", dest="edits", action="append", default=[], type=_assignment, metavar="PATH=VALUE", help=about
    )


def _add_variants(parser: Parser) -> None:
    add = parser.add_argument
    about = "take it for a template of Dynamic Prompts and print the first N texts that it can say"
    add("--variants", type=_many, metavar="N", help=about)
    add("--seed", type=_seed, metavar="S", help="draw the variants instead; the same seed draws the same ones")
    add("--wildcards", metavar="DIR", help="the folder with the files of wildcards")


def _add_models(parser: Parser) -> None:
    add = parser.add_argument
    add("what", type=_word, metavar="ACTION", choices=MODELS, help=", ".join(MODELS))
    add(
        "names",
        type=_word,
        nargs="*",
        default=[],
        metavar="NAME",
        help="folders to scan, what to find, or what to unpack where",
    )
    add("--kind", choices=KINDS, metavar="KIND", help=f"files of one kind: {', '.join(KINDS)}")
    about = "leave hashes for a later scan, or until a job asks for one"
    add("--no-hashes", dest="hashes", action="store_false", help=about)


def _add_conversion(parser: Parser) -> None:
    add = parser.add_argument
    add("--to", metavar="T", help="the target; `paramc list targets` prints them")
    add("-o", "--output", metavar="PATH", help="a file, or a folder to put the files in; standard output by default")
    add("--force", action="store_true", help="write over files that exist")
    add("--jobs", type=_count, default=0, metavar="N", help="processes for a folder; one for each processor by default")
    _add_edits(parser)
    about = "a choice of the target; `paramc list targets T` prints them"
    add("--option", dest="options", action="append", default=[], type=_assignment, metavar="NAME=VALUE", help=about)
    for name, about in SHORT_OPTIONS.items():
        add(f"--{name}", dest="options", action="append", type=partial(_chosen, name), metavar="CHOICE", help=about)
    about = "a script as a notebook: `--option notebook=true`"
    add("--notebook", dest="options", action="append_const", const=("notebook", "true"), help=about)
    add("--at-least", choices=GRADES, metavar="GRADE", help=f"refuse what is kept worse: {', '.join(GRADES)}")
    add("--emit", choices=STAGES, default="artifact", metavar="STAGE", help=f"stop after a stage: {', '.join(STAGES)}")
    add("--trace", action="store_true", help="print what every pass hands on, on standard error")
    about = f"print the fate of every setting, on standard error, as a {' or '.join(REPORTS)}"
    add("--report", choices=REPORTS, metavar="FORM", help=about)


def _add_running(parser: Parser) -> None:
    add = parser.add_argument
    add("-o", "--output", metavar="DIR", help="the folder for the pictures; the current one by default")
    add("--force", action="store_true", help="paint again what is finished already")
    _add_chosen(parser)
    add("--device", default="auto", metavar="D", help="auto, cpu, cuda, mps; the graphics card by default")
    add("--dtype", choices=DTYPES, default="float32", help="number format of the models")
    about = "whether models take turns on the card, or even their layers; auto: where they do not fit"
    add("--offload", choices=OFFLOADS, default="auto", help=about)
    about = "keep the diffusion model's weights in fewer bits until they are used: another picture in less memory"
    add("--weights", choices=STORED, default="same", help=about)
    about = "send pictures through the VAE in tiles: less memory, and slightly other pictures where tiles meet"
    add("--tile-vae", action="store_true", help=about)
    about = "keep the diffusion model's weights with the channels last, which some cards compute faster"
    add("--channels-last", action="store_true", help=about)
    about = (
        "compile the diffusion model: a minute more at first, then faster steps, and latents moved by up to 2e-5; "
        "it needs a C++ compiler"
    )
    add("--compile", dest="compile_model", action="store_true", help=about)
    add("--seed", type=_seed, metavar="N", help="the seed, instead of that of the settings")
    _add_edits(parser)
    add("--rng", choices=RNGS, help="where noise comes from when the settings do not say it; cuda by default")
    about = "show the picture in hand, coarsely: on a terminal with colours, and in a file beside the result"
    add("--preview", action="store_true", help=about)
    about = f"print the fate of every setting, on standard error, as a {' or '.join(REPORTS)}"
    add("--report", choices=REPORTS, metavar="FORM", help=about)


def _add_sweeping(parser: Parser) -> None:
    add = parser.add_argument
    about = (
        "what varies: `seed=1..4`, `cfg_scale=4,6,8`, `prompt:cat=dog,fox`; by default what the settings say of a grid"
    )
    add("--axis", dest="axes", action="append", default=[], metavar="NAME=VALUES", help=about)
    add("--to", metavar="T", help="write the sweep for a target instead of painting it")
    about = (
        "paint so many pictures at once that differ in the seed alone; other numbers of rows are rounded otherwise, "
        "which moves latents by up to 5e-5 at CFG 5"
    )
    add("--batch", type=_count, default=1, metavar="N", help=about)
    about = "with `--to` a target of graphs: one graph for all pictures, in which what is equal is there once"
    add("--one-graph", action="store_true", help=about)
    about = "a choice of the target; `paramc list targets T` prints them"
    add("--option", dest="options", action="append", default=[], type=_assignment, metavar="NAME=VALUE", help=about)


def _add_serving(parser: Parser, *, whole: bool) -> None:
    add = parser.add_argument
    add("source", type=_word, nargs="?", metavar="SRC", help=_SOURCE)
    _add_folders(parser, "targets")
    about = f"the address of the server; {SERVER} by default"
    add("--server", default=SERVER, metavar="URL", help=about)
    _add_edits(parser)
    about = "a choice of the target `comfyui`; `paramc list targets comfyui` prints them"
    add("--option", dest="options", action="append", default=[], type=_assignment, metavar="NAME=VALUE", help=about)
    about = f"refuse what is kept worse: {', '.join(GRADES)}"
    add("--at-least", choices=GRADES, metavar="GRADE", help=about)
    if not whole:
        return
    add("-o", "--output", metavar="DIR", help="the folder for the pictures; the current one by default")
    about = "a folder with the pictures that go in, beside that of the source"
    add("--inputs", action="append", default=[], metavar="DIR", help=about)
    about = "use the server's file NEW where the graph names OLD"
    add("--rename", dest="renames", action="append", default=[], type=_assignment, metavar="OLD=NEW", help=about)
    add("--timeout", type=_seconds, default=3600.0, metavar="S", help="seconds to wait for the job; 3600 by default")


def _add_prompt(parser: Parser) -> None:
    parser.add_argument("source", type=_word, nargs="?", metavar="TEXT", help="the prompt, or a file with it")
    parser.add_argument("--from", dest="speaks", metavar="D", default="a1111", help="the language that it is in")
    parser.add_argument("--to", metavar="D", help="the language to write it in; without it, what it says is shown")
    _add_variants(parser)


def _add_chosen(parser: Parser) -> None:
    add = parser.add_argument
    about = "a folder with model files, beside those that were scanned before"
    add("--models", action="append", default=[], metavar="DIR", help=about)
    add("--model", metavar="FILE", help="the checkpoint, a file or a name, instead of the one that the settings name")
    add("--vae", metavar="FILE", help="the VAE, a file or a name, instead of the one that the settings name")


def _add_bench(parser: Parser) -> None:
    add = parser.add_argument
    _add_chosen(parser)
    parser.set_defaults(seed=None)  # `--set noise.seed=…` says another
    add("--device", default="auto", metavar="D", help="auto, cpu, cuda, mps; the graphics card by default")
    add("--dtype", choices=DTYPES, default="float32", help="number format of the models")
    add("--rounds", type=_count, default=1, metavar="N", help="measure so often by turns, and take the medians")
    _add_edits(parser)


def _add_checking(parser: Parser) -> None:
    add = parser.add_argument
    about = "report only these, by code, beginning of a code or name, with commas between them"
    add("--select", action="append", default=[], metavar="CODES", help=about)
    add("--ignore", action="append", default=[], metavar="CODES", help="report all but these")
    about = f"another severity for a code or name: {', '.join(SEVERITIES)}"
    add("--severity", dest="severities", action="append", default=[], type=_assignment, metavar="CODE=S", help=about)
    add("--to", metavar="T", help="report what this target would lose as well")
    add("--fail-on", choices=(*SEVERITIES, NEVER), help="the least severity that gives exit code 1; error by default")
    add(
        "--fix", choices=FIXES, metavar="HOW", help="mend the files: what is safe, or with `--fix=maybe` what is likely"
    )
    add("--config", metavar="FILE", help="a paramc.toml or pyproject.toml, instead of the nearest one")
    add("--isolated", action="store_true", help="use no configuration file")


def _add_embedding(parser: Parser) -> None:
    add = parser.add_argument
    add("picture", type=_word, metavar="IMAGE", help="a PNG, JPEG or WebP file")
    add("--from", dest="origin", metavar="SRC", help=_SOURCE)
    add("--strip", action="store_true", help="take the settings out instead")
    add("--to", metavar="T", help="the target in whose words they are written; as they are by default")
    add("-o", "--output", metavar="PATH", help="the new file; IMAGE itself by default, which needs --force")
    add("--force", action="store_true", help="write over a file that exists")
    add("--report", action="store_true", help="print what the target loses, on standard error")


def _add_scan(parser: Parser) -> None:
    add = parser.add_argument
    add("folders", type=_word, nargs="+", metavar="DIR", help="folders and files; or one table that a scan has written")
    add("--to", metavar="TABLE", help="a file to write or to go on with: .jsonl, .sqlite or .parquet")
    add("--find", metavar="QUERY", help="print the files that fit, such as `sampler=euler lora~detail steps>30`")
    add(
        "--jobs",
        type=_count,
        default=0,
        metavar="N",
        help="processes that read; one for each processor by default",
    )
    add("--force", action="store_true", help="begin TABLE anew")


def _add_reading(parser: Parser) -> None:
    parser.add_argument("--dialect", metavar="D", help="the program that wrote the text, instead of a guess")
    parser.add_argument("--family", metavar="F", help="the model family, instead of a guess")
    parser.add_argument("--strict", action="store_true", help="read as the program itself does, its losses included")
    about = "look into the pixels even where there are other settings"
    parser.add_argument("--hidden", action="store_true", help=about)
    about = "which picture of a graph that makes several, from 1"
    parser.add_argument("--pick", type=_count, default=1, metavar="N", help=about)
    about = "characters that a graph may have"
    parser.add_argument("--limit", type=_seed, metavar="N", help=about)
    _add_folders(parser, "grammars")


def _add_folders(parser: Parser, *kinds: str) -> None:
    for kind in kinds:
        about = f"a folder with further {'dialects' if kind == 'grammars' else kind}"
        parser.add_argument(f"--{kind}", action="append", default=[], metavar="DIR", help=about)


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 256:
        raise ArgumentTypeError(f"`{text}` is no number from 1 to 256")
    return int(text)


def _many(text: str) -> int:
    if not text.isdecimal() or len(text) > SEED_DIGITS or not 0 < int(text) <= MOST_VARIANTS:
        raise ArgumentTypeError(f"`{text}` is no number from 1 to {MOST_VARIANTS}")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or len(text) > SEED_DIGITS:
        raise ArgumentTypeError(f"`{text}` is no whole number from 0 on")
    return int(text)


def _seconds(text: str) -> float:
    if not text.isdecimal() or len(text) > SEED_DIGITS or int(text) == 0:
        raise ArgumentTypeError(f"`{text}` is no number of seconds from 1 on")
    return float(text)


def _word(text: str) -> str:
    return text.removeprefix(_WORD)


def _chosen(name: str, choice: str) -> tuple[str, str]:
    return name, choice


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ArgumentTypeError(f"`{text}` has no {'name before' if equals else '`=` between a name and'} a value")
    return name.strip(), value
